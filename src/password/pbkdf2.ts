// PBKDF2 as Dovecot stores it: `$1$salt$rounds$hex`, HMAC-SHA-1, the salt as it is written.

import { saltFrom } from './crypt-base64.js'
import { malformed, type PasswordScheme } from './password-scheme.js'
import { sameBytes } from './same-bytes.js'

const KEY_BYTES = 20
const SALT_BYTES = 16
const ROUNDS_DEFAULT = 5000

export const pbkdf2: PasswordScheme = {
  encoding: 'none',
  read(raw, { maxRounds }) {
    const [, salt, roundsText, hex] = /^\$1\$([^$]*)\$([^$]*)\$([^$]*)$/.exec(raw.toString('latin1')) ?? []
    if (salt === undefined || roundsText === undefined || hex === undefined) {
      return malformed('PBKDF2 without $1$, salt, rounds and key')
    }
    if (!/^0*[1-9]\d{0,9}$/.test(roundsText)) return malformed('PBKDF2 without rounds')
    if (Number(roundsText) > maxRounds) return malformed('PBKDF2 with more rounds than auth_hash_max_rounds')
    if (!/^[0-9a-f]{40}$/i.test(hex)) return malformed('PBKDF2 whose key is not 160 bits in hex')
    const key = Buffer.from(hex, 'hex')
    return {
      kind: 'slow',
      hash: hashOf(Buffer.from(salt, 'latin1'), Number(roundsText)),
      matches: computed => sameBytes(computed, key),
    }
  },
  generate(_password, options) {
    const salt = saltFrom(options.randomBytes(SALT_BYTES))
    const rounds = options.rounds || ROUNDS_DEFAULT
    return {
      kind: 'slow',
      hash: hashOf(Buffer.from(salt, 'latin1'), rounds),
      raw: key => Buffer.from(`$1$${salt}$${rounds}$${key.toString('hex')}`, 'latin1'),
    }
  },
}

const hashOf = (salt: Buffer, rounds: number) =>
  ({ kind: 'pbkdf2', digest: 'sha1', salt, rounds, bytes: KEY_BYTES }) as const
