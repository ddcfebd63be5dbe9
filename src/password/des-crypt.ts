// DES-CRYPT: two characters of salt and eleven of the block, most significant bits first.

import { alphabet, saltFrom } from './crypt-base64.js'
import { type Comparison, type GenerateOptions, type Generation, malformed } from './password-scheme.js'
import { sameBytes } from './same-bytes.js'
import { PASSWORD_MAX } from './sha-crypt-engine.js'

/** Reads thirteen characters of crypt's alphabet. */
export function readDesCrypt(text: string): Comparison {
  // 64 bits in eleven characters of six: the last two bits are always zero.
  const isWhole = (alphabet.indexOf(text.charAt(12)) & 3) === 0
  if (!isWhole) return malformed('DES-CRYPT that is damaged')
  const expected = Buffer.from(text.slice(2), 'latin1')
  return {
    kind: 'slow',
    hash: { kind: 'des-crypt', salt: Buffer.from(text.slice(0, 2), 'latin1') },
    passwordMax: PASSWORD_MAX,
    weakAs: 'DES-CRYPT',
    matches: block => sameBytes(Buffer.from(encode(block), 'latin1'), expected),
  }
}

export function generateDesCrypt({ randomBytes }: GenerateOptions): Generation {
  const salt = saltFrom(randomBytes(2))
  return {
    kind: 'slow',
    hash: { kind: 'des-crypt', salt: Buffer.from(salt, 'latin1') },
    raw: block => Buffer.from(salt + encode(block), 'latin1'),
  }
}

function encode(block: Buffer): string {
  const bits = block.readBigUInt64BE() << 2n
  return Array.from({ length: 11 }, (_, i) => alphabet[Number((bits >> BigInt(60 - 6 * i)) & 63n)]).join('')
}
