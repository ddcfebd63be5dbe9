// The short hash of a password that a policy server is given instead of the password.
// Source: auth-policy.c:auth_policy_create_json and buffer.c:buffer_truncate_rshift_bits, Dovecot 2.3.19 and 2.4.1.

import { createHash } from 'node:crypto'
import type { Password } from '../model/password.js'
import { md4 } from '../password/md4-md5.js'

export interface PolicyHashRules {
  readonly nonce: string
  /** One of policyHashMechs. */
  readonly mech: string
  /** 0: the whole digest. */
  readonly truncateBits: number
}

export const policyHashMechs: readonly string[] = ['md4', 'md5', 'sha1', 'sha256', 'sha384', 'sha512']

/** Hexadecimal. `user` is the requested login user of a master login. */
export function policyHash(
  { nonce, mech, truncateBits }: PolicyHashRules,
  user: string,
  password: Password,
): string {
  const input = Buffer.concat([Buffer.from(`${nonce}${user}\0`), password.reveal()])
  const digest = mech === 'md4' ? Buffer.from(md4(input)) : createHash(mech).update(input).digest()
  return truncated(digest, truncateBits).toString('hex')
}

/** The first bits, moved to the right end of as many bytes as they need. */
function truncated(digest: Buffer, bits: number): Buffer {
  if (bits === 0 || bits >= digest.length * 8) return digest
  const kept = digest.subarray(0, Math.ceil(bits / 8))
  const shift = kept.length * 8 - bits
  return Buffer.from(kept.map((byte, i) => (byte >> shift) | (((kept[i - 1] ?? 0) << (8 - shift)) & 0xff)))
}
