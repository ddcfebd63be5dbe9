// What a log table keeps of texts that strangers chose: as much as its columns hold, and nothing that they refuse.

const NAME_LENGTH = 255
const WORD_LENGTH = 64

/** As many characters as the column holds. What is no Unicode a database would refuse, and libsql ends texts at NUL. */
export function keptName(text: string): string {
  const whole = Buffer.from(text).toString().replaceAll('\0', '\ufffd')
  return [...whole].slice(0, NAME_LENGTH).join('')
}

/** Protocols, sessions and addresses are ASCII; what a caller sends instead becomes `?`. */
export function keptWord(text: string): string {
  return text.slice(0, WORD_LENGTH).replace(/[^\x20-\x7e]/g, '?')
}

export function optional(text: string | undefined, shape: (text: string) => string): string | null {
  return text === undefined ? null : shape(text)
}
