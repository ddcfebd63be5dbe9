// crypt(3) values: which method a value is of is told by how it begins, whatever `{…CRYPT}` it stands behind.

import {
  type Comparison,
  type GenerateOptions,
  type HashLimits,
  malformed,
  notAvailable,
  type PasswordScheme,
} from './password-scheme.js'
import { generateShaCrypt, readShaCrypt } from './sha-crypt.js'
import type { ShaCryptHash } from './sha-crypt-engine.js'

type Read = (text: string, limits: HashLimits) => Comparison

interface CryptMethod {
  readonly prefix: RegExp
  readonly read: Read
}

const absent =
  (name: string): Read =>
  () =>
    notAvailable(`crypt(3) method ${name} is not computed here`)

const methods: readonly CryptMethod[] = [
  { prefix: /^\$6\$/, read: (text, limits) => readShaCrypt('sha512', text, limits) },
  { prefix: /^\$5\$/, read: (text, limits) => readShaCrypt('sha256', text, limits) },
  { prefix: /^\$1\$/, read: absent('md5crypt') },
  { prefix: /^\$2[abxy]\$/, read: absent('bcrypt') },
  { prefix: /^\$y\$/, read: absent('yescrypt') },
  { prefix: /^\$gy\$/, read: absent('gost-yescrypt') },
  { prefix: /^\$7\$/, read: absent('scrypt') },
  { prefix: /^\$3\$/, read: absent('NTHASH') },
  { prefix: /^\$md5[$,]/, read: absent('SunMD5') },
  { prefix: /^\$sha1\$/, read: absent('sha1crypt') },
  { prefix: /^_/, read: absent('BSDi DES') },
  { prefix: /^[./0-9A-Za-z]{13}$/, read: absent('DES') },
]

/** /etc/shadow's ways of saying that no password is right; Dovecot takes the empty value for one too. */
const locked = /^($|[*!])/

/**
 * Dovecot gives every value of these schemes to crypt(3) and compares (password-scheme-crypt.c:crypt_verify), so
 * `{SHA512-CRYPT}$5$…` works. Where crypt(3) fails Dovecot says mismatch; we say malformed.
 */
const readCrypt = (raw: Buffer, limits: HashLimits): Comparison => {
  const text = raw.toString('latin1')
  if (locked.test(text)) return { kind: 'locked' }
  const method = methods.find(({ prefix }) => prefix.test(text))
  return method ? method.read(text, limits) : malformed('the value is of no crypt(3) method')
}

const shaCrypt = (hash: ShaCryptHash): PasswordScheme => ({
  encoding: 'none',
  read: readCrypt,
  generate: (_password, options: GenerateOptions) => generateShaCrypt(hash, options),
})

export const sha512Crypt = shaCrypt('sha512')
export const sha256Crypt = shaCrypt('sha256')

/** New values come from `BLF-CRYPT`, which is what Dovecot makes of it. */
export const crypt: PasswordScheme = { encoding: 'none', read: readCrypt }
