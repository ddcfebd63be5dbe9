// What comparing a password with a stored value takes: an answer at once, or a slow hash first.

import { type Comparison, type HashLimits, malformed } from './password-scheme.js'
import type { PasswordSettings } from './password-settings.js'
import { readStoredPassword } from './stored-password.js'

export type VerifyPolicy = Pick<
  PasswordSettings,
  | 'auth_allow_weak_schemes'
  | 'auth_hash_max_rounds'
  | 'auth_hash_max_bcrypt_cost'
  | 'auth_hash_max_passes'
  | 'auth_hash_memory_limit'
>

/** Reads the stored value. A weak scheme that is not allowed is refused as Dovecot 2.4 refuses it. */
export function prepareComparison(stored: string, policy: VerifyPolicy): Comparison {
  const read = readStoredPassword(stored)
  if (read.kind === 'refused') return read
  if (policy.auth_allow_weak_schemes) return read.scheme.read(read.raw, limitsOf(policy))
  if (read.scheme.weak) return refusedAsWeak(read.name)
  const comparison = read.scheme.read(read.raw, limitsOf(policy))
  return comparison.kind === 'slow' && comparison.weakAs ? refusedAsWeak(comparison.weakAs) : comparison
}

const refusedAsWeak = (scheme: string): Comparison =>
  malformed(`weak password scheme ${scheme} used and refused (auth_allow_weak_schemes)`)

export const limitsOf = (policy: VerifyPolicy): HashLimits => ({
  maxRounds: policy.auth_hash_max_rounds,
  maxBcryptCost: policy.auth_hash_max_bcrypt_cost,
  maxPasses: policy.auth_hash_max_passes,
  memoryBytes: policy.auth_hash_memory_limit,
})
