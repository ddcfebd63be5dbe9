// Every password scheme that Homing knows, by Dovecot's names: one row each, aliases included.

import { argon2 } from './argon2.js'
import { blfCrypt } from './bcrypt.js'
import { cramMd5, digestMd5 } from './cram-md5.js'
import { crypt, desCrypt, sha256Crypt, sha512Crypt } from './crypt.js'
import { digest, saltedDigest } from './digest.js'
import { md5, md5Crypt } from './md5-crypt.js'
import { otp } from './otp.js'
import type { PasswordScheme } from './password-scheme.js'
import { pbkdf2 } from './pbkdf2.js'
import { plain, plainTrunc } from './plain.js'
import { scram } from './scram.js'

const plainMd5 = digest('md5', { encoding: 'hex', weak: true })

/** `doveadm pw -l` of 2.3.19 and 2.4.1; what is weak says 2.4.1's password-scheme.c. */
export const schemes = {
  PLAIN: plain,
  CLEAR: plain,
  CLEARTEXT: plain,
  'PLAIN-TRUNC': plainTrunc,
  CRYPT: crypt,
  'DES-CRYPT': desCrypt,
  MD5: md5(plainMd5),
  'MD5-CRYPT': md5Crypt,
  'SHA256-CRYPT': sha256Crypt,
  'SHA512-CRYPT': sha512Crypt,
  'BLF-CRYPT': blfCrypt,
  SHA: digest('sha1', { encoding: 'base64' }),
  SHA1: digest('sha1', { encoding: 'base64' }),
  SHA256: digest('sha256', { encoding: 'base64' }),
  SHA512: digest('sha512', { encoding: 'base64' }),
  SMD5: saltedDigest('md5', { encoding: 'base64', weak: true }),
  SSHA: saltedDigest('sha1', { encoding: 'base64' }),
  SSHA256: saltedDigest('sha256', { encoding: 'base64' }),
  SSHA512: saltedDigest('sha512', { encoding: 'base64' }),
  'PLAIN-MD4': digest('md4', { encoding: 'hex', weak: true }),
  'PLAIN-MD5': plainMd5,
  'LDAP-MD5': digest('md5', { encoding: 'base64', weak: true }),
  'CRAM-MD5': cramMd5,
  'HMAC-MD5': { ...cramMd5, weak: true },
  'DIGEST-MD5': digestMd5,
  'SCRAM-SHA-1': scram('sha1'),
  'SCRAM-SHA-256': scram('sha256'),
  PBKDF2: pbkdf2,
  OTP: otp,
  ARGON2: argon2('argon2id'),
  ARGON2I: argon2('argon2i'),
  ARGON2ID: argon2('argon2id'),
} satisfies Record<string, PasswordScheme>

const table: Readonly<Record<string, PasswordScheme>> = schemes

/** The scheme of this name, whatever its case. */
export function findScheme(name: string): PasswordScheme | undefined {
  const upper = name.toUpperCase()
  return Object.hasOwn(table, upper) ? table[upper] : undefined
}
