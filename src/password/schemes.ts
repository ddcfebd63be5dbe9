// Every password scheme that Homing knows, by Dovecot's names: one row each, aliases included.

import { crypt, sha256Crypt, sha512Crypt } from './crypt.js'
import type { PasswordScheme } from './password-scheme.js'
import { plain, plainTrunc } from './plain.js'

export const schemes = {
  PLAIN: plain,
  CLEAR: plain,
  CLEARTEXT: plain,
  'PLAIN-TRUNC': plainTrunc,
  CRYPT: crypt,
  'SHA256-CRYPT': sha256Crypt,
  'SHA512-CRYPT': sha512Crypt,
} satisfies Record<string, PasswordScheme>

const table: Readonly<Record<string, PasswordScheme>> = schemes

/** The scheme of this name, whatever its case. */
export function findScheme(name: string): PasswordScheme | undefined {
  const upper = name.toUpperCase()
  return Object.hasOwn(table, upper) ? table[upper] : undefined
}
