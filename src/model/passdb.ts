// What the engine asks of a password database. Drivers implement it; the engine knows nothing else of them.

import type { AuthRequest } from './auth-request.js'
import type { ExtraFields } from './extra-fields.js'
import type { PassdbResult } from './passdb-result.js'

/** A stored password as the database holds it: `{SCHEME}text`, the scheme filled in where it had none. */
export interface Credentials {
  readonly stored: string
}

/** Something of a request, other than the names that always count, on which an answer can depend. */
export type CacheKeyPart = Exclude<keyof AuthRequest, 'user' | 'masterUser'>

/** A passdb that shows what it has stored; the engine compares. */
export interface Passdb {
  /** The driver's name, for logs and traces. */
  readonly driver: string
  /** Its users' mail is on other servers: whoever is found here must not get a mailbox from a later passdb. */
  readonly routes?: boolean
  /**
   * What its answer depends on besides the user and the master user: the auth cache keeps one answer for each
   * difference in these. Absent: its answers are never cached.
   */
  readonly cacheKey?: readonly CacheKeyPart[]
  /**
   * Finds the user, at once if nobody has to be waited for. Never throws for an expected outcome: a database that does not
   * answer is `internal_failure` with its cause. Must end before `signal` fires or soon after.
   */
  lookup(request: AuthRequest, signal?: AbortSignal): PassdbLookup | Promise<PassdbLookup>
  /**
   * Puts `replacement` in the place of the user's stored password if that still is `stored`, byte by byte; of all
   * copies that try it at once one succeeds. Never throws. Absent: this passdb cannot be written.
   */
  replacePassword?(user: string, stored: string, replacement: string): Promise<PasswordReplacement>
}

/** `failed`: nothing is known to have changed. `cause` holds no parameter and no secret. */
export type PasswordReplacement =
  | { readonly result: 'replaced' | 'changed_meanwhile' }
  | { readonly result: 'failed'; readonly cause: unknown }

/** Why a passdb refused or failed; `reason` may be logged, `cause` holds no parameter and no secret. */
export interface Refusal<R extends PassdbResult> {
  readonly result: R
  /** The user is there, although `result` may be `user_unknown`: a field of theirs refused them. */
  readonly found?: boolean
  readonly reason?: string
  readonly cause?: unknown
  /** With `internal_failure`: it is only that too much is asked just now, which is over by then. */
  readonly retryAfterSecs?: number
}

/** What a database knows. It cannot claim a mismatch: it never saw the password. */
export type PassdbLookup =
  | { readonly result: 'ok'; readonly credentials?: Credentials; readonly fields: ExtraFields }
  | Refusal<'user_unknown' | 'user_disabled' | 'pass_expired' | 'scheme_not_available' | 'internal_failure'>

/** What that means for this password. A failing reply carries no fields: there is nothing to roll back. */
export type PassdbReply =
  | { readonly result: 'ok' | 'next'; readonly fields: ExtraFields; readonly credentials?: Credentials }
  | Refusal<Exclude<PassdbResult, 'ok' | 'next'>>
