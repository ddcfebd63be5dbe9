// Is this password right? The one question the engine asks of this folder.

import type { Password } from '../model/password.js'

/**
 * - `match`, `mismatch`: the stored value was understood and compared.
 * - `scheme_not_available`: `{SCHEME}` is unknown, or this platform cannot compute it.
 * - `malformed`: the stored value cannot be decoded, or asks for more work than the caps allow. Never a mismatch.
 * - `unavailable`: we could not compute it in time (queue full, deadline, crashed worker). Never a mismatch.
 *
 * `reason` is for the log: it holds neither the password nor the stored value.
 */
export type PasswordVerdict =
  | { readonly verdict: 'match' | 'mismatch' }
  | { readonly verdict: 'scheme_not_available' | 'malformed' | 'unavailable'; readonly reason: string }

export interface PasswordVerifier {
  /**
   * Compares. Never throws for an expected outcome and always ends: at the latest when `signal` fires or the
   * verifier's own deadline passes. `user` is for fairness between users and for alarms.
   */
  verify(
    stored: string,
    password: Password,
    context: { user: string; signal?: AbortSignal },
  ): Promise<PasswordVerdict>
  /** Resolves when a first verification would not have to wait for set-up or compilation. */
  warmUp(): Promise<void>
  /** Ends the workers; what still waits ends as `unavailable`. */
  close(): Promise<void>
}
