// OTP: `algorithm sequence seed hash` (RFC 2289): the password hashed as often as the sequence says.

import { malformed, type PasswordScheme } from './password-scheme.js'
import { sameBytes } from './same-bytes.js'

const SEQUENCE = 1024
const SEED_BYTES = 8

export const otp: PasswordScheme = {
  encoding: 'none',
  read(raw, { maxRounds }) {
    const parts = /^(md4|md5|sha1) (0|[1-9]\d{0,9}) ([A-Za-z0-9]{0,16}) ([0-9A-Fa-f]{16})$/.exec(
      raw.toString('latin1'),
    )
    const [, algorithm, sequence, seed = '', hex = ''] = parts ?? []
    if (!parts) return malformed('OTP without algorithm, sequence, seed and hash')
    if (Number(sequence) > maxRounds)
      return malformed('OTP with a greater sequence than auth_hash_max_rounds')
    const expected = Buffer.from(hex, 'hex')
    return {
      kind: 'slow',
      hash: hashOf(algorithm as 'md4' | 'md5' | 'sha1', seed.toLowerCase(), Number(sequence)),
      matches: computed => sameBytes(computed, expected),
    }
  },
  generate(_password, { randomBytes }) {
    const seed = randomBytes(SEED_BYTES).toString('hex')
    return {
      kind: 'slow',
      hash: hashOf('sha1', seed, SEQUENCE),
      raw: hash => Buffer.from(`sha1 ${SEQUENCE} ${seed} ${hash.toString('hex')}`, 'latin1'),
    }
  },
}

const hashOf = (algorithm: 'md4' | 'md5' | 'sha1', seed: string, rounds: number) =>
  ({ kind: 'otp', algorithm, salt: Buffer.from(seed, 'latin1'), rounds }) as const
