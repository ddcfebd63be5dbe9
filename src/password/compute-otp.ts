// The chain of hashes behind OTP (RFC 2289): each folded to 64 bits before the next.

import { hash } from 'node:crypto'
import { md4 } from './md4-md5.js'

export function computeOtp(
  algorithm: 'md4' | 'md5' | 'sha1',
  seed: Uint8Array,
  password: Uint8Array,
  rounds: number,
): Buffer {
  const step = (input: Buffer) =>
    fold(algorithm, algorithm === 'md4' ? md4(input) : hash(algorithm, input, 'buffer'))
  let last = step(Buffer.concat([seed, password]))
  for (let r = 0; r < rounds; r++) last = step(last)
  return last
}

/** SHA-1's words are turned around: RFC 2289, appendix A. */
function fold(algorithm: string, digest: Buffer): Buffer {
  const folded = Buffer.alloc(8)
  for (let i = 0; i < digest.length; i++) {
    const at = algorithm === 'sha1' ? (i & 4) | (3 - (i & 3)) : i & 7
    folded[at] = (folded[at] ?? 0) ^ (digest[i] ?? 0)
  }
  return folded
}
