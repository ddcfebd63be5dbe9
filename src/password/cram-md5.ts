// What non-plaintext mechanisms keep instead of the password: CRAM-MD5 (HMAC-MD5) and DIGEST-MD5.

import { createHash } from 'node:crypto'
import { md5StateAfter } from './md4-md5.js'
import type { PasswordScheme } from './password-scheme.js'
import { sameBytes } from './same-bytes.js'

/** The two MD5 states of HMAC after its key, the outer one first (hmac-cram-md5.c). */
export const cramMd5: PasswordScheme = {
  encoding: 'hex',
  rawBytes: 32,
  read: raw => ({ kind: 'cheap', matches: password => sameBytes(cramContext(password), raw) }),
  generate: password => ({ kind: 'cheap', raw: cramContext(password) }),
}

/** MD5 of `user:realm:password`: the realm is what stands behind the last @ of the name as it was typed. */
export const digestMd5: PasswordScheme = {
  encoding: 'hex',
  rawBytes: 16,
  read: raw => ({ kind: 'cheap', matches: (password, user) => sameBytes(digestOf(user, password), raw) }),
  generate: (password, { user }) =>
    user === undefined
      ? { kind: 'impossible', reason: 'DIGEST-MD5 needs the user name' }
      : { kind: 'cheap', raw: digestOf(user, password) },
}

const BLOCK = 64

function cramContext(password: Buffer): Buffer {
  const key = password.length > BLOCK ? createHash('md5').update(password).digest() : password
  const padded = (pad: number) => {
    const block = Buffer.alloc(BLOCK)
    block.set(key)
    return block.map(byte => byte ^ pad)
  }
  return Buffer.concat([md5StateAfter(padded(0x5c)), md5StateAfter(padded(0x36))])
}

function digestOf(user: string, password: Buffer): Buffer {
  const at = user.lastIndexOf('@')
  const name = at < 0 ? user : user.slice(0, at)
  const realm = at < 0 ? '' : user.slice(at + 1)
  return createHash('md5').update(`${name}:${realm}:`).update(password).digest()
}
