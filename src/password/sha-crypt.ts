// SHA256-CRYPT and SHA512-CRYPT as text: `$6$[rounds=N$]salt$digest`. Strict where crypt(3) would never match.

import { type ByteOrder, decodeCrypt64, encodeCrypt64, saltCharacters, saltFrom } from './crypt-base64.js'
import {
  type Comparison,
  type GenerateOptions,
  type Generation,
  type HashLimits,
  malformed,
} from './password-scheme.js'
import { sameBytes } from './same-bytes.js'
import { PASSWORD_MAX, SALT_MAX, type ShaCryptHash } from './sha-crypt-engine.js'

const ROUNDS_DEFAULT = 5000
const ROUNDS_MIN = 1000
const ROUNDS_MAX = 999_999_999

interface Method {
  readonly prefix: '$5$' | '$6$'
  readonly kind: 'sha256-crypt' | 'sha512-crypt'
  readonly scheme: string
  readonly order: ByteOrder
}

const methods: Record<ShaCryptHash, Method> = {
  sha256: { prefix: '$5$', kind: 'sha256-crypt', scheme: 'SHA256-CRYPT', order: byteOrder(32, 10, 2) },
  sha512: { prefix: '$6$', kind: 'sha512-crypt', scheme: 'SHA512-CRYPT', order: byteOrder(64, 21, 1) },
}

/**
 * Reads a stored value. libxcrypt 4.4 refuses rounds outside 1000 … 999999999 and with leading zeros, and salts with
 * characters that would break /etc/shadow; it writes no more than 16 characters of a salt. Whatever it would never
 * write cannot match, and is malformed.
 */
export function readShaCrypt(hash: ShaCryptHash, text: string, limits: HashLimits): Comparison {
  const method = methods[hash]
  const parts = /^(?:rounds=([^$]*)\$)?([^$]*)\$([^$]*)$/.exec(text.slice(method.prefix.length))
  if (!parts) return malformed(`${method.scheme} without salt and digest`)
  const [, roundsText, salt = '', digestText = ''] = parts
  if (roundsText !== undefined && !/^[1-9]\d{3,8}$/.test(roundsText)) {
    return malformed(`${method.scheme} with rounds that are not within ${ROUNDS_MIN} and ${ROUNDS_MAX}`)
  }
  const rounds = roundsText === undefined ? ROUNDS_DEFAULT : Number(roundsText)
  if (rounds > limits.maxRounds) {
    return malformed(`${method.scheme} with ${rounds} rounds, more than auth_hash_max_rounds`)
  }
  const isBrokenRounds = roundsText === undefined && salt.startsWith('rounds=')
  if (salt.length > SALT_MAX || !saltCharacters.test(salt) || isBrokenRounds) {
    return malformed(`${method.scheme} with a salt that crypt(3) refuses`)
  }
  const digest = decodeCrypt64(digestText, method.order)
  if (!digest) return malformed(`${method.scheme} whose digest is cut or damaged`)
  return {
    kind: 'slow',
    hash: { kind: method.kind, salt: Buffer.from(salt, 'latin1'), rounds },
    passwordMax: PASSWORD_MAX,
    matches: computed => sameBytes(computed, digest),
  }
}

/** A new value with a salt of 16 characters; rounds are brought within what crypt(3) takes. */
export function generateShaCrypt(hash: ShaCryptHash, options: GenerateOptions): Generation {
  const method = methods[hash]
  const wanted = options.rounds || ROUNDS_DEFAULT
  const rounds = Math.min(Math.max(wanted, ROUNDS_MIN), ROUNDS_MAX)
  const salt = saltFrom(options.randomBytes(SALT_MAX))
  const setting = `${method.prefix}${rounds === ROUNDS_DEFAULT ? '' : `rounds=${rounds}$`}${salt}$`
  return {
    kind: 'slow',
    hash: { kind: method.kind, salt: Buffer.from(salt, 'latin1'), rounds },
    raw: digest => Buffer.from(setting + encodeCrypt64(digest, method.order), 'latin1'),
  }
}

/**
 * The digest's bytes in the order they are written: every third, each group beginning `turn` thirds further round.
 * SHA-256's last group has two bytes, SHA-512's one.
 */
function byteOrder(bytes: number, third: number, turn: 1 | 2): ByteOrder {
  const groups = Array.from({ length: third }, (_, i) => {
    const group = [i, i + third, i + 2 * third]
    const start = (i * turn) % 3
    return [...group.slice(start), ...group.slice(0, start)]
  })
  const rest = Array.from({ length: bytes - 3 * third }, (_, i) => bytes - 1 - i)
  return [...groups, rest]
}
