// Is this password right? The one question the engine asks of this folder.

import type { Password } from '../model/password.js'
import type { HashPoolStats } from './hash-pool.js'
import type { HashOutcome } from './hash-task.js'
import type { SlowHash } from './slow-hash.js'

/**
 * - `match`, `mismatch`: the stored value was understood and compared.
 * - `scheme_not_available`: `{SCHEME}` is unknown, or this platform cannot compute it.
 * - `malformed`: the stored value cannot be decoded, asks for more work than the caps allow, or is of a weak scheme
 *   that is refused. Never a mismatch.
 * - `unavailable`: we could not compute it in time (queue full, deadline, crashed worker). Never a mismatch.
 *
 * `reason` is for the log: it holds neither the password nor the stored value. `retryAfterSecs`: what failed is only
 * that too many passwords wait, which is over by then.
 */
export type PasswordVerdict =
  | { readonly verdict: 'match' }
  | { readonly verdict: 'mismatch' }
  | { readonly verdict: 'scheme_not_available' | 'malformed'; readonly reason: string }
  | { readonly verdict: 'unavailable'; readonly reason: string; readonly retryAfterSecs?: number }

export interface VerifyContext {
  /** For fairness between users and for alarms. */
  readonly user: string
  /** The name as the client wrote it: DIGEST-MD5 hashes it too. Default: `user`. */
  readonly originalUser?: string
  readonly signal?: AbortSignal
}

export interface PasswordVerifier {
  /**
   * Compares, at once what needs no slow hash. Never throws for an expected outcome and always ends: at the latest when
   * `signal` fires or the verifier's own deadline passes.
   */
  verify(
    stored: string,
    password: Password,
    context: VerifyContext,
  ): PasswordVerdict | Promise<PasswordVerdict>
  /**
   * For a user who does not exist: takes as long as a wrong password does for most, and is never a match.
   * At once where auth_unknown_user_hash is off. `unavailable` where a wrong password would have been.
   */
  verifyNothing(password: Password, context: VerifyContext): Promise<PasswordVerdict>
  /** Computes the hash of a new password, in its turn and away from the event loop. Never rejects. */
  compute(hash: SlowHash, password: Buffer, context: Pick<VerifyContext, 'user'>): Promise<HashOutcome>
  /** Makes new hashes for weak ones; absent when password_rehash is off. */
  readonly rehash?: Rehash
  /** Resolves when a first verification would not have to wait for set-up or compilation. */
  warmUp(): Promise<void>
  /** Which implementation computes which scheme, and what was passed over: for the log, after `warmUp`. */
  describe(): readonly string[]
  /** For metrics. */
  stats(): HashPoolStats
  /** Ends the workers; what still waits ends as `unavailable`. */
  close(): Promise<void>
}

export interface Rehash {
  /** Whether password_rehash would make a harder hash of this password, which the stored value was just found to be of. */
  isWeaker(stored: string, password: Password): boolean
  /** Computes the new value, `{SCHEME}…`, in the hash pool; at once `busy` while logins need all of it. Never throws. */
  make(password: Password, context: Pick<VerifyContext, 'user'>): Promise<NewHash>
}

/** `refused` is for the log. */
export type NewHash = { readonly stored: string } | { readonly busy: true } | { readonly refused: string }
