// BLF-CRYPT: `$2y$cost$salt+digest` in bcrypt's own base 64.

import {
  type Comparison,
  type GenerateOptions,
  type Generation,
  type HashLimits,
  malformed,
  type PasswordScheme,
} from './password-scheme.js'
import { sameBytes } from './same-bytes.js'
import type { Bcrypt } from './slow-hash.js'

const COST_MIN = 4
const COST_MAX = 31
/** Dovecot takes 5, a cost of 1999. */
const COST_DEFAULT = 10
const SALT_BYTES = 16

const alphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const mimeAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

const format = /^\$2([abxy])\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/

/**
 * Reads a value of any of the methods: `$2a$`, `$2b$`, `$2y$`, and `$2x$`, which keeps a mistake of crypt_blowfish before
 * 1.1 alive.
 */
export function readBcrypt(text: string, limits: HashLimits): Comparison {
  const [, minor, costText = '', salt = '', digest = ''] = format.exec(text) ?? []
  // 128 bits in 22 characters leave four unused, 184 in 31 leave two: written values have zeros there.
  const isWhole = unusedBits(salt, 4) === 0 && unusedBits(digest, 2) === 0
  if (minor === undefined || !isWhole) return malformed('BLF-CRYPT that is cut or damaged')
  const cost = Number(costText)
  if (cost < COST_MIN || cost > COST_MAX)
    return malformed('BLF-CRYPT with a cost that is not within 4 and 31')
  if (cost > limits.maxBcryptCost)
    return malformed(`BLF-CRYPT with cost ${cost}, more than auth_hash_max_bcrypt_cost`)
  const expected = Buffer.from(digest, 'latin1')
  return {
    kind: 'slow',
    hash: { kind: 'bcrypt', minor: minor as Bcrypt['minor'], cost, salt: Buffer.from(salt, 'latin1') },
    matches: computed => sameBytes(computed, expected),
  }
}

/** Takes bcrypt values only, where CRYPT takes any (password-scheme-crypt.c:crypt_verify_blowfish). */
export const blfCrypt: PasswordScheme = {
  encoding: 'none',
  read(raw, limits) {
    const text = raw.toString('latin1')
    return text === '' ? { kind: 'locked' } : readBcrypt(text, limits)
  },
  generate: (_password, options) => generateBcrypt(options),
}

/** `rounds` is the cost, as in `doveadm pw -r`. */
export function generateBcrypt({ rounds, randomBytes }: GenerateOptions): Generation {
  const cost = Math.min(Math.max(rounds || COST_DEFAULT, COST_MIN), COST_MAX)
  const salt = encode(randomBytes(SALT_BYTES))
  const setting = `$2y$${String(cost).padStart(2, '0')}$${salt}`
  return {
    kind: 'slow',
    hash: { kind: 'bcrypt', minor: 'y', cost, salt: Buffer.from(salt, 'latin1') },
    raw: digest => Buffer.from(setting + digest.toString('latin1'), 'latin1'),
  }
}

const unusedBits = (text: string, bits: number): number =>
  alphabet.indexOf(text.charAt(text.length - 1)) & ((1 << bits) - 1)

/** Ordinary base64 in other letters and without padding. */
const encode = (bytes: Buffer): string =>
  [...bytes.toString('base64').replace(/=+$/, '')].map(c => alphabet.charAt(mimeAlphabet.indexOf(c))).join('')
