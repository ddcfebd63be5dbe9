// Dovecot's time intervals ("5 mins"): what doveconf 2.3.19 and 2.4.1 accept, and nothing more
// (lib/str-parse.c:str_parse_get_interval_msecs).

/** The milliseconds, or what is wrong and what would be right. */
export type ParsedInterval = { readonly ms: number } | { readonly wrong: string; readonly right: string }

interface Unit {
  readonly ms: number
  /** Every beginning of these words is the unit too. */
  readonly words: readonly string[]
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

// The order decides: "m" is a minute and "ms" a millisecond.
const units: readonly Unit[] = [
  { ms: SECOND, words: ['secs', 'seconds'] },
  { ms: MINUTE, words: ['mins', 'minutes'] },
  { ms: 1, words: ['msecs', 'mseconds', 'milliseconds'] },
  { ms: HOUR, words: ['hours'] },
  { ms: DAY, words: ['days'] },
  { ms: 7 * DAY, words: ['weeks'] },
]

const grammar = /^(?<number>[0-9]+) *(?<unit>[a-z]*) *$/i
const examples = '"500 msecs", "30 secs", "5 mins", "1 hour", "2 days"'

/**
 * Reads an interval. A number without a unit is an error as in Dovecot, but 0 needs none. Dovecot 2.4's
 * `infinite` is refused: here every wait ends.
 */
export function parseTimeInterval(text: string): ParsedInterval {
  const { number = '', unit = '' } = grammar.exec(text)?.groups ?? {}
  if (number === '') return { wrong: `"${text}" is not a time`, right: `a number and a unit: ${examples}` }

  const count = Number(number)
  if (unit === '') {
    if (count === 0) return { ms: 0 }
    return { wrong: `the time "${text}" has no unit`, right: `"${number} secs" if seconds were meant` }
  }
  const ms = findUnit(unit)?.ms
  if (ms === undefined) return { wrong: `"${unit}" is not a unit of time`, right: examples }
  if (count * ms > Number.MAX_SAFE_INTEGER)
    return { wrong: `the time "${text}" is too long`, right: examples }
  return { ms: count * ms }
}

function findUnit(name: string): Unit | undefined {
  const wanted = name.toLowerCase()
  return units.find(unit => unit.words.some(word => word.startsWith(wanted)))
}

const printed = [
  [7 * DAY, 'week'],
  [DAY, 'day'],
  [HOUR, 'hour'],
  [MINUTE, 'min'],
  [SECOND, 'sec'],
  [1, 'msec'],
] as const

/** The interval in the largest unit that divides it, as doveconf prints it; reading it gives the same time. */
export function formatTimeInterval(ms: number): string {
  if (ms === 0) return '0'
  const [size, word] = printed.find(([size]) => ms % size === 0) ?? [1, 'msec']
  const count = ms / size
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
