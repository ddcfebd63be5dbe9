// `{SCHEME.ENCODING}text` ↔ scheme, encoding and raw bytes: Dovecot's rules (password-scheme.c, 2.3.19 and 2.4.1).

import { decodeBase64, decodeHex, decodeOfLength } from './decode.js'
import {
  type Encoding,
  malformed,
  notAvailable,
  type PasswordScheme,
  type Refused,
} from './password-scheme.js'
import { findScheme } from './schemes.js'

export interface StoredPassword {
  readonly kind: 'decoded'
  /** In capitals, without encoding. */
  readonly name: string
  readonly scheme: PasswordScheme
  readonly raw: Buffer
}

/**
 * The value with its scheme: `{SCHEME}text` stays, anything else gets the default. As in Dovecot, a clear password
 * that begins with `{` and has a `}` is taken for one with a scheme (auth_request_set_password), and `$1$…` too gets
 * the default.
 */
export const withDefaultScheme = (stored: string, scheme: string): string =>
  hasScheme(stored) ? stored : `{${scheme}}${stored}`

const hasScheme = (stored: string): boolean => stored.startsWith('{') && stored.includes('}')

/** The scheme's name in capitals, without its encoding; undefined when the value names none. */
export const schemeNameOf = (stored: string): string | undefined =>
  split(stored)?.scheme.split('.', 1)[0]?.toUpperCase()

/** Finds the scheme and decodes the value. */
export function readStoredPassword(stored: string): StoredPassword | Refused {
  const parts = split(stored)
  if (!parts) return malformed('the stored password has no {SCHEME}')
  const [name = '', suffix] = splitOnce(parts.scheme, '.')
  const scheme = findScheme(name)
  const encoding = suffix === undefined ? scheme?.encoding : encodingOf(suffix)
  if (!scheme || !encoding) return notAvailable(`unknown password scheme ${printable(parts.scheme)}`)
  const raw = decode(parts.text, scheme, encoding, suffix !== undefined)
  if (typeof raw === 'string') return malformed(`${name.toUpperCase()}: ${raw}`)
  return { kind: 'decoded', name: name.toUpperCase(), scheme, raw }
}

/** Writes the raw value as the scheme's own encoding, or the one named by `.HEX`, `.B64`, wants it. */
export function formatStoredPassword(schemeName: string, encoding: Encoding, raw: Buffer): string {
  const text = { none: 'latin1', hex: 'hex', base64: 'base64' } as const
  return `{${schemeName}}${encoding === 'none' ? raw.toString('utf8') : raw.toString(text[encoding])}`
}

/** `.HEX`, `.B64`, `.BASE64`; any other makes the scheme unknown. */
export function encodingOf(suffix: string): Encoding | undefined {
  const lower = suffix.toLowerCase()
  return Object.hasOwn(encodings, lower) ? encodings[lower] : undefined
}

const encodings: Readonly<Record<string, Encoding>> = { hex: 'hex', b64: 'base64', base64: 'base64' }

function split(stored: string): { scheme: string; text: string } | undefined {
  // $1$<salt>$<digest>[$<ignored>] needs no scheme (password_get_scheme).
  const md5 = /^(\$1\$[^$]*\$[^$]*)/.exec(stored)
  if (md5) return { scheme: 'MD5-CRYPT', text: md5[1] ?? '' }
  if (!hasScheme(stored)) return undefined
  const end = stored.indexOf('}')
  return { scheme: stored.slice(1, end), text: stored.slice(end + 1) }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const index = text.indexOf(separator)
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)]
}

/** The raw bytes, or what is wrong with the text. */
function decode(text: string, scheme: PasswordScheme, encoding: Encoding, isGiven: boolean): Buffer | string {
  const { rawBytes } = scheme
  const raw =
    rawBytes !== undefined && encoding !== 'none' && !isGiven
      ? decodeOfLength(text, rawBytes)
      : decoders[encoding](text)
  if (raw === undefined) return `the value is not valid ${encoding}`
  if (rawBytes !== undefined && raw.length !== rawBytes) {
    return `the value has ${raw.length} bytes instead of ${rawBytes}`
  }
  return raw
}

const decoders: Record<Encoding, (text: string) => Buffer | undefined> = {
  none: text => Buffer.from(text, 'utf8'),
  hex: decodeHex,
  base64: decodeBase64,
}

/** A scheme's name as it may stand in a log: it could be half of a clear password. */
const printable = (name: string): string =>
  /^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$/.test(name) ? name.toUpperCase() : '(unprintable)'
