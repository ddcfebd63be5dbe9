// crypt(3) values: which method a value is of is told by how it begins, whatever `{…CRYPT}` it stands behind.

import { generateBcrypt, readBcrypt } from './bcrypt.js'
import { saltCharacters } from './crypt-base64.js'
import { generateDesCrypt, readDesCrypt } from './des-crypt.js'
import { readMd5Crypt } from './md5-crypt.js'
import {
  type Comparison,
  type GenerateOptions,
  type Generation,
  type HashLimits,
  isLocked,
  malformed,
  type PasswordScheme,
} from './password-scheme.js'
import { readPlatformCrypt } from './platform-crypt.js'
import { generateShaCrypt, readShaCrypt } from './sha-crypt.js'
import { PASSWORD_MAX, type ShaCryptHash } from './sha-crypt-engine.js'

type Read = (text: string, limits: HashLimits) => Comparison

interface CryptMethod {
  readonly prefix: RegExp
  readonly read: Read
}

/** Here the salt is crypt(3)'s business; Dovecot's own MD5-CRYPT takes any. */
const readMd5: Read = text => {
  const read = readMd5Crypt(text)
  if (read.kind !== 'slow') return read
  const salt = Buffer.from(read.hash.salt).toString('latin1')
  if (!saltCharacters.test(salt)) return malformed('MD5-CRYPT with a salt that crypt(3) refuses')
  return { ...read, passwordMax: PASSWORD_MAX, weakAs: 'MD5-CRYPT' }
}

const methods: readonly CryptMethod[] = [
  { prefix: /^\$6\$/, read: (text, limits) => readShaCrypt('sha512', text, limits) },
  { prefix: /^\$5\$/, read: (text, limits) => readShaCrypt('sha256', text, limits) },
  { prefix: /^\$1\$/, read: readMd5 },
  { prefix: /^\$2[a-z]\$/, read: readBcrypt },
  { prefix: /^\$y\$/, read: readPlatformCrypt('yescrypt') },
  { prefix: /^\$gy\$/, read: readPlatformCrypt('gost-yescrypt') },
  { prefix: /^\$7\$/, read: readPlatformCrypt('scrypt') },
  { prefix: /^\$3\$/, read: readPlatformCrypt('NTHASH') },
  { prefix: /^\$md5[$,]/, read: readPlatformCrypt('SunMD5') },
  { prefix: /^\$sha1\$/, read: readPlatformCrypt('sha1crypt') },
  { prefix: /^_/, read: readPlatformCrypt('BSDi extended DES') },
  { prefix: /^[./0-9A-Za-z]{13}$/, read: readDesCrypt },
]

/**
 * Dovecot gives every value of these schemes to crypt(3) and compares (password-scheme-crypt.c:crypt_verify), so
 * `{SHA512-CRYPT}$5$…` works. Where crypt(3) fails Dovecot says mismatch; we say malformed.
 */
const readCrypt = (raw: Buffer, limits: HashLimits): Comparison => {
  const text = raw.toString('latin1')
  if (isLocked(text)) return { kind: 'locked' }
  const method = methods.find(({ prefix }) => prefix.test(text))
  return method ? method.read(text, limits) : malformed('the value is of no crypt(3) method')
}

/** Nothing is made of a password that crypt(3) refuses: the value would match nobody's. */
const madeBy =
  (name: string, make: (options: GenerateOptions) => Generation): NonNullable<PasswordScheme['generate']> =>
  (password, options) =>
    password.length > PASSWORD_MAX
      ? { kind: 'impossible', reason: `${name} takes no password of more than ${PASSWORD_MAX} bytes` }
      : make(options)

const shaCrypt = (name: string, hash: ShaCryptHash): PasswordScheme => ({
  encoding: 'none',
  read: readCrypt,
  generate: madeBy(name, options => generateShaCrypt(hash, options)),
})

export const sha512Crypt = shaCrypt('SHA512-CRYPT', 'sha512')
export const sha256Crypt = shaCrypt('SHA256-CRYPT', 'sha256')

export const desCrypt: PasswordScheme = {
  encoding: 'none',
  weak: true,
  read: readCrypt,
  generate: madeBy('DES-CRYPT', generateDesCrypt),
}

/** New values are of bcrypt, as Dovecot makes them. */
export const crypt: PasswordScheme = {
  encoding: 'none',
  read: readCrypt,
  generate: (_password, options) => generateBcrypt(options),
}
