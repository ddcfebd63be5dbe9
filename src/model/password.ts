import { inspect } from 'node:util'

/**
 * A clear-text password. It cannot be printed, serialised or compared by accident: every way to turn it
 * into text gives `<hidden>`. Call `reveal()` in the line that hashes or sends it.
 *
 * Passwords are bytes. What arrives as text is its UTF-8 form; a client's ISO-8859-1 password keeps its bytes.
 */
export class Password {
  readonly #bytes: Buffer

  constructor(value: string | Buffer) {
    this.#bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  }

  /** The password's bytes. Do not keep, log or change them. */
  reveal(): Buffer {
    return this.#bytes
  }

  get lengthBytes(): number {
    return this.#bytes.length
  }

  toString(): string {
    return '<hidden>'
  }

  toJSON(): string {
    return '<hidden>'
  }

  [inspect.custom](): string {
    return 'Password <hidden>'
  }
}

const NUL = 0x00
const CTRL_A = 0x01
const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const HIGHEST = CR
const illegal: ReadonlySet<number> = new Set([NUL, CTRL_A, TAB, LF, CR])

/**
 * Dovecot looks nobody up for such a password (auth-request.c:password_has_illegal_chars, 2.3.19).
 * NUL is ours: it cannot arrive by SASL, and crypt(3) would read only what stands before it.
 */
export function hasIllegalCharacters(password: Password): boolean {
  for (const byte of password.reveal()) if (byte <= HIGHEST && illegal.has(byte)) return true
  return false
}
