// What a password scheme is: how its text is encoded, how it is compared and how a new one is made.

import type { SlowHash } from './slow-hash.js'

export type Encoding = 'none' | 'hex' | 'base64'

/** How much work a stored value may ask for. Above it, it is malformed: real sites never meet these. */
export interface HashLimits {
  /** SHA256-CRYPT, SHA512-CRYPT, PBKDF2, SCRAM, OTP. */
  readonly maxRounds: number
  readonly maxBcryptCost: number
  /** ARGON2. */
  readonly maxPasses: number
  readonly memoryBytes: number
}

/** The stored value, understood. */
export type Comparison =
  /** Compared at once, in a time that does not depend on where the two differ. `user` is the name as it was typed. */
  | { readonly kind: 'cheap'; matches(password: Buffer, user: string): boolean }
  /** Compared by a worker. A password longer than `passwordMax` bytes cannot match. */
  | {
      readonly kind: 'slow'
      readonly hash: SlowHash
      readonly passwordMax?: number
      /** The weak scheme that the value turned out to be of, behind a name that is not weak itself. */
      readonly weakAs?: string
      matches(digest: Buffer): boolean
    }
  /** A value that was made so that no password matches it: a locked account. */
  | { readonly kind: 'locked' }
  | Refused

/** `reason` holds nothing of the stored value. */
export interface Refused {
  readonly kind: 'refused'
  readonly verdict: 'scheme_not_available' | 'malformed'
  readonly reason: string
}

export interface GenerateOptions {
  readonly rounds?: number
  /** The login name: DIGEST-MD5 hashes it too. */
  readonly user?: string
  readonly randomBytes: (size: number) => Buffer
}

/** How a new value is made (`raw` is what its encoding is applied to): at once, or from the digest that a worker computes. */
export type Generation =
  | { readonly kind: 'cheap'; readonly raw: Buffer }
  | { readonly kind: 'slow'; readonly hash: SlowHash; raw(digest: Buffer): Buffer }
  | { readonly kind: 'impossible'; readonly reason: string }

export interface PasswordScheme {
  /** How the value is written when the name has no `.HEX` or `.B64`. */
  readonly encoding: Encoding
  /** Set for values of fixed length; then hex and base64 are told apart by length. */
  readonly rawBytes?: number
  /** Refused unless auth_allow_weak_schemes (Dovecot 2.4). */
  readonly weak?: boolean
  read(raw: Buffer, limits: HashLimits): Comparison
  /** Absent: Homing verifies this scheme but does not make new values of it. */
  readonly generate?: (password: Buffer, options: GenerateOptions) => Generation
}

/**
 * /etc/shadow's ways of saying that no password is right. Dovecot too takes an empty value for one: crypt(3) would
 * match it (password-scheme.c:crypt_verify).
 */
export const isLocked = (text: string): boolean => /^($|[*!])/.test(text)

export const malformed = (reason: string): Refused => ({ kind: 'refused', verdict: 'malformed', reason })

export const notAvailable = (reason: string): Refused => ({
  kind: 'refused',
  verdict: 'scheme_not_available',
  reason,
})
