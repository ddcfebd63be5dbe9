// Dovecot's sizes ("16M"): what doveconf 2.3.19 and 2.4.1 accept, and nothing more
// (lib/str-parse.c:str_parse_get_size).

/** The bytes, or what is wrong and what would be right. */
export type ParsedSize = { readonly bytes: number } | { readonly wrong: string; readonly right: string }

const factors: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
}

const grammar = /^(?<number>[0-9]+) *(?:(?<plain>b?)|(?<unit>[kmgt])i?b?) *$/i
const examples = '"64k", "16M", "1G"'

/** Reads a size. A number without a unit is bytes, as in Dovecot: "4096" is 4 KiB. */
export function parseByteSize(text: string): ParsedSize {
  const { number = '', unit = '' } = grammar.exec(text)?.groups ?? {}
  if (number === '') return { wrong: `"${text}" is not a size`, right: `a number and a unit: ${examples}` }

  const bytes = Number(number) * (factors[unit.toLowerCase()] ?? 1)
  if (bytes > Number.MAX_SAFE_INTEGER) return { wrong: `the size "${text}" is too large`, right: examples }
  return { bytes }
}

/** The size in the largest unit that divides it; reading it gives the same size. */
export function formatByteSize(bytes: number): string {
  if (bytes === 0) return '0'
  for (const unit of ['T', 'G', 'M', 'k']) {
    const factor = factors[unit.toLowerCase()] ?? 1
    if (bytes % factor === 0) return `${bytes / factor}${unit}`
  }
  return String(bytes)
}
