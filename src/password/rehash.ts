// New hashes for weak ones, made while their password is at hand (password_rehash).

import { randomBytes } from 'node:crypto'
import { ConfigError } from '../model/config-error.js'
import type { Password } from '../model/password.js'
import type { HashPool } from './hash-pool.js'
import { type HashStrength, strengthClass, strengthOf } from './hash-strength.js'
import type { Generation, PasswordScheme } from './password-scheme.js'
import type { PasswordSettings } from './password-settings.js'
import type { NewHash, Rehash } from './password-verifier.js'
import { schemes } from './schemes.js'
import type { SlowHash } from './slow-hash.js'
import { formatStoredPassword } from './stored-password.js'
import { limitsOf, prepareComparison } from './verify-password.js'

/**
 * Undefined when password_rehash is off. Throws ConfigError when the new hashes would ask for more than the caps
 * allow: nobody could log in with them.
 */
export function createRehash(settings: PasswordSettings, pool: HashPool): Rehash | undefined {
  const name = settings.password_rehash
  if (name === '') return undefined
  const scheme: PasswordScheme = schemes[name]
  const target = targetOf(name, scheme, settings)
  const limits = limitsOf(settings)
  return {
    isWeaker(stored, password) {
      const strength = strengthOf(stored, limits)
      if (strength.kind === 'refused' || !isReplaceable(strength)) return false
      if (password.lengthBytes > target.passwordMax || !wasReadWhole(strength, password)) return false
      return isWeakerThan(target.hash, strength)
    },
    make: async (password, { user }): Promise<NewHash> => {
      if (isBusy(pool)) return { busy: true }
      const bytes = password.reveal()
      const generation = generate(scheme, bytes, settings)
      const outcome = await pool.submit({ hash: generation.hash, password: bytes, user }).outcome
      if ('notAvailable' in outcome) return { refused: outcome.notAvailable }
      if ('unavailable' in outcome) return { refused: outcome.unavailable }
      const stored = formatStoredPassword(name, scheme.encoding, generation.raw(outcome.digest))
      const comparison = prepareComparison(stored, settings)
      // A hash that its own password would not open must never be written.
      const opens =
        comparison.kind === 'slow' && bytes.length <= target.passwordMax && comparison.matches(outcome.digest)
      return opens ? { stored } : { refused: `the password cannot be stored as ${name}` }
    },
  }
}

type SlowGeneration = Extract<Generation, { kind: 'slow' }>

function generate(scheme: PasswordScheme, password: Buffer, settings: PasswordSettings): SlowGeneration {
  const rounds = settings.password_rehash_rounds
  const made = scheme.generate?.(password, { randomBytes, ...(rounds > 0 && { rounds }) })
  if (made?.kind !== 'slow') throw new Error('password_rehash takes slow schemes only')
  return made
}

interface Target {
  readonly hash: SlowHash
  /** A longer password would never match the new hash. */
  readonly passwordMax: number
}

function targetOf(name: string, scheme: PasswordScheme, settings: PasswordSettings): Target {
  const { raw, hash } = generate(scheme, Buffer.alloc(0), settings)
  const digest = Buffer.alloc('bytes' in hash ? hash.bytes : 64)
  const comparison = prepareComparison(formatStoredPassword(name, scheme.encoding, raw(digest)), settings)
  if (comparison.kind !== 'slow') {
    const why = comparison.kind === 'refused' ? comparison.reason : 'nothing would match them'
    throw new ConfigError(`password_rehash: the new hashes would be refused: ${why}`)
  }
  const passwordMax = Math.min(comparison.passwordMax ?? Infinity, settings.auth_password_max_length)
  return { hash, passwordMax }
}

/** Logins come first: a new hash is made only where a thread would be idle, and none waits. */
function isBusy({ stats, threadLimit }: HashPool): boolean {
  return stats.waiting > 0 || stats.running >= Math.max(1, threadLimit - 1)
}

/**
 * What is kept for a reason that only the operator can judge: in clear it serves every mechanism and can be hashed
 * without a login at any time; the others are what CRAM-MD5, DIGEST-MD5, SCRAM and OTP need.
 */
const kept = new Set([
  'PLAIN',
  'PLAIN-TRUNC',
  'CRAM-MD5',
  'DIGEST-MD5',
  'SCRAM-SHA-1',
  'SCRAM-SHA-256',
  'OTP',
])

const isReplaceable = ({ scheme, ...strength }: HashStrength): boolean =>
  strength.class !== strengthClass.locked && !kept.has(scheme)

/**
 * DES-CRYPT reads seven bits of eight bytes, BSDi's of every byte, bcrypt 72 bytes: what was typed beyond them need
 * not be the password.
 */
function wasReadWhole({ scheme }: HashStrength, password: Password): boolean {
  const bytes = password.reveal()
  const hasSevenBits = () => bytes.every(byte => byte < 0x80)
  if (scheme === 'DES-CRYPT') return bytes.length <= 8 && hasSevenBits()
  if (scheme === 'BSDi extended DES') return hasSevenBits()
  return scheme !== 'BLF-CRYPT' || bytes.length <= 72
}

function isWeakerThan(target: SlowHash, strength: HashStrength): boolean {
  const { hash } = strength
  if ('memoryKiB' in target) {
    if (!hash || !('memoryKiB' in hash)) return strength.class < strengthClass.memory
    const { memoryKiB, passes } = target
    if (hash.memoryKiB > memoryKiB || hash.passes > passes) return false
    return hash.kind !== target.kind || hash.memoryKiB < memoryKiB || hash.passes < passes
  }
  if (strength.class !== strengthClass.rounds || !hash || !('rounds' in hash)) {
    return strength.class < strengthClass.rounds
  }
  const rounds = 'rounds' in target ? target.rounds : 0
  return hash.kind === target.kind ? hash.rounds < rounds : hash.rounds <= rounds
}
