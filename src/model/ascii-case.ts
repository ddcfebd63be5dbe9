// Dovecot's lower and upper case: A–Z only. Unicode's would let `K` (Kelvin sign) log in as `k`, and make two users one.

const beyondAscii = /[^\x00-\x7f]/

/** The text with A–Z lowered and every other character as it was (lib/strfuncs.c:str_lcase in the C locale). */
export function asciiLower(text: string): string {
  if (!beyondAscii.test(text)) return text.toLowerCase()
  return text.replace(/[A-Z]+/g, run => run.toLowerCase())
}

/** The text with a–z raised and every other character as it was. */
export function asciiUpper(text: string): string {
  if (!beyondAscii.test(text)) return text.toUpperCase()
  return text.replace(/[a-z]+/g, run => run.toUpperCase())
}
