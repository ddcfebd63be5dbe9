// A digest of the password, with or without a salt behind it: SHA*, SSHA*, SMD5, PLAIN-MD4, PLAIN-MD5, LDAP-MD5.

import { hash as hashAtOnce } from 'node:crypto'
import { md4 } from './md4-md5.js'
import { type Encoding, malformed, type PasswordScheme } from './password-scheme.js'
import { sameBytes } from './same-bytes.js'

interface DigestOptions {
  readonly encoding: Exclude<Encoding, 'none'>
  readonly weak?: true
}

type DigestName = 'md4' | 'md5' | 'sha1' | 'sha256' | 'sha512'

const digestBytes: Record<DigestName, number> = { md4: 16, md5: 16, sha1: 20, sha256: 32, sha512: 64 }

/** Dovecot salts with four bytes; it verifies a salt of any length. */
const NEW_SALT_BYTES = 8

export function digest(name: DigestName, options: DigestOptions): PasswordScheme {
  return {
    ...options,
    rawBytes: digestBytes[name],
    read: raw => ({ kind: 'cheap', matches: password => sameBytes(hash(name, password), raw) }),
    generate: password => ({ kind: 'cheap', raw: hash(name, password) }),
  }
}

/** The digest of password and salt, then the salt. A value without salt is too short (password-scheme.c:ssha_verify). */
export function saltedDigest(name: DigestName, options: DigestOptions): PasswordScheme {
  const length = digestBytes[name]
  return {
    ...options,
    read(raw) {
      if (raw.length <= length) return malformed(`the value is too short for a salted ${name}`)
      const salt = raw.subarray(length)
      const expected = raw.subarray(0, length)
      return { kind: 'cheap', matches: password => sameBytes(hash(name, password, salt), expected) }
    },
    generate(password, { randomBytes }) {
      const salt = randomBytes(NEW_SALT_BYTES)
      return { kind: 'cheap', raw: Buffer.concat([hash(name, password, salt), salt]) }
    },
  }
}

function hash(name: DigestName, password: Buffer, salt?: Uint8Array): Buffer {
  const bytes = salt === undefined ? password : Buffer.concat([password, salt])
  return name === 'md4' ? md4(bytes) : hashAtOnce(name, bytes, 'buffer')
}
