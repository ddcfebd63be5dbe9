// SCRAM-SHA-1 and SCRAM-SHA-256: `iterations,salt,StoredKey,ServerKey` (RFC 5802), made from a PBKDF2.

import { createHash, createHmac } from 'node:crypto'
import { decodeBase64 } from './decode.js'
import { malformed, type PasswordScheme } from './password-scheme.js'
import { sameBytes } from './same-bytes.js'

/** Fewer are refused, more than this too: password-scheme-scram.c:scram_scheme_parse. */
const ITERATIONS_MIN = 4096
const SALT_BYTES = 16

const keyBytes = { sha1: 20, sha256: 32 } as const

export function scram(digest: 'sha1' | 'sha256'): PasswordScheme {
  const name = digest === 'sha1' ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256'
  const bytes = keyBytes[digest]
  return {
    encoding: 'none',
    read(raw, { maxRounds }) {
      const fields = raw.toString('latin1').split(',')
      const [iterationsText = '', saltText = '', storedText = '', serverText = ''] = fields
      if (fields.length !== 4) return malformed(`${name} without iterations, salt and two keys`)
      const iterations = /^\d{1,10}$/.test(iterationsText) ? Number(iterationsText) : 0
      if (iterations < ITERATIONS_MIN)
        return malformed(`${name} with fewer than ${ITERATIONS_MIN} iterations`)
      if (iterations > maxRounds) return malformed(`${name} with more iterations than auth_hash_max_rounds`)
      const [salt, storedKey, serverKey] = [saltText, storedText, serverText].map(decodeBase64)
      if (!salt) return malformed(`${name} whose salt is not base64`)
      if (storedKey?.length !== bytes || serverKey?.length !== bytes) {
        return malformed(`${name} whose StoredKey or ServerKey is damaged`)
      }
      return {
        kind: 'slow',
        hash: { kind: 'pbkdf2', digest, salt, rounds: iterations, bytes },
        matches: salted => sameBytes(keysOf(digest, salted).storedKey, storedKey),
      }
    },
    generate(_password, options) {
      const salt = options.randomBytes(SALT_BYTES)
      const rounds = Math.max(options.rounds ?? 0, ITERATIONS_MIN)
      return {
        kind: 'slow',
        hash: { kind: 'pbkdf2', digest, salt, rounds, bytes },
        raw: salted => {
          const { storedKey, serverKey } = keysOf(digest, salted)
          const base64 = [salt, storedKey, serverKey].map(part => part.toString('base64'))
          return Buffer.from([rounds, ...base64].join(','), 'latin1')
        },
      }
    },
  }
}

function keysOf(digest: string, salted: Buffer): { storedKey: Buffer; serverKey: Buffer } {
  const hmac = (text: string) => createHmac(digest, salted).update(text).digest()
  return {
    storedKey: createHash(digest).update(hmac('Client Key')).digest(),
    serverKey: hmac('Server Key'),
  }
}
