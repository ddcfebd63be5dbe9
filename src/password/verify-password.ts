// What comparing a password with a stored value takes: an answer at once, or a slow hash first.

import type { Comparison } from './password-scheme.js'
import { malformed } from './password-scheme.js'
import type { PasswordSettings } from './password-settings.js'
import { readStoredPassword } from './stored-password.js'

export type VerifyPolicy = Pick<PasswordSettings, 'auth_allow_weak_schemes' | 'auth_hash_max_rounds'>

/** Reads the stored value. A weak scheme that is not allowed is refused as Dovecot 2.4 refuses it. */
export function prepareComparison(stored: string, policy: VerifyPolicy): Comparison {
  const read = readStoredPassword(stored)
  if (read.kind === 'refused') return read
  if (read.scheme.weak && !policy.auth_allow_weak_schemes) {
    return malformed(`weak password scheme ${read.name} used and refused (auth_allow_weak_schemes)`)
  }
  return read.scheme.read(read.raw, { maxRounds: policy.auth_hash_max_rounds })
}
