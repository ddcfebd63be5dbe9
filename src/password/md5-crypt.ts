// MD5-CRYPT (`$1$salt$digest`) and MD5, which is either that or a plain digest.

import { type ByteOrder, decodeCrypt64, encodeCrypt64, saltFrom } from './crypt-base64.js'
import { decodeOfLength } from './decode.js'
import {
  type Comparison,
  type GenerateOptions,
  type Generation,
  isLocked,
  malformed,
  type PasswordScheme,
} from './password-scheme.js'
import { sameBytes } from './same-bytes.js'

const SALT_MAX = 8

const order: ByteOrder = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]]

/** Reads `$1$salt$digest`. Dovecot takes any salt of up to eight bytes that has no `$` in it. */
export function readMd5Crypt(text: string): Comparison {
  if (isLocked(text)) return { kind: 'locked' }
  const [, salt, digestText] = /^\$1\$([^$]*)\$([^$]*)$/.exec(text) ?? []
  if (salt === undefined || digestText === undefined)
    return malformed('MD5-CRYPT without $1$, salt and digest')
  if (salt.length > SALT_MAX) return malformed('MD5-CRYPT with a salt of more than 8 characters')
  const digest = decodeCrypt64(digestText, order)
  if (!digest) return malformed('MD5-CRYPT whose digest is cut or damaged')
  return {
    kind: 'slow',
    hash: { kind: 'md5-crypt', salt: Buffer.from(salt, 'latin1') },
    matches: computed => sameBytes(computed, digest),
  }
}

export const md5Crypt: PasswordScheme = {
  encoding: 'none',
  weak: true,
  read: raw => readMd5Crypt(raw.toString('latin1')),
  generate: (_password, options) => generateMd5Crypt(options),
}

/** `$1$…` is MD5-CRYPT, everything else a digest in hex or base64 (password-scheme.c:md5_verify). */
export const md5 = (plainMd5: PasswordScheme): PasswordScheme => ({
  encoding: 'none',
  weak: true,
  read(raw, limits) {
    const text = raw.toString('latin1')
    if (text.startsWith('$1$')) return readMd5Crypt(text)
    const digest = decodeOfLength(text, 16)
    return digest?.length === 16
      ? plainMd5.read(digest, limits)
      : malformed('neither MD5-CRYPT nor a plain MD5')
  },
  generate: (_password, options) => generateMd5Crypt(options),
})

function generateMd5Crypt({ randomBytes }: GenerateOptions): Generation {
  const salt = saltFrom(randomBytes(SALT_MAX))
  return {
    kind: 'slow',
    hash: { kind: 'md5-crypt', salt: Buffer.from(salt, 'latin1') },
    raw: digest => Buffer.from(`$1$${salt}$${encodeCrypt64(digest, order)}`, 'latin1'),
  }
}
