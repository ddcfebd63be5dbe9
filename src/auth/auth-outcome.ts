// How a question to the engine ended.

import type { AuthTrace } from '../model/auth-event.js'
import type { ExtraFields } from '../model/extra-fields.js'
import type { Credentials } from '../model/passdb.js'
import type { FinalResult } from '../model/passdb-result.js'
import type { UserdbResult } from '../model/userdb.js'

/** The end of a login or of a lookup without a password. */
export interface AuthOutcome {
  readonly result: FinalResult
  /** The name the account goes by: after the auth_username_* rules and after a passdb's `user` field. */
  readonly user: string
  readonly masterUser?: string | undefined
  /** Checked by the output firewall; empty unless `result` is `ok` (a disabled account keeps none either). */
  readonly fields: ExtraFields
  /** What we hold, for a lookup without a password only. */
  readonly credentials?: Credentials | undefined
  /** For the client or the caller's log; says nothing about our insides. */
  readonly reason?: string | undefined
  /** With `internal_failure`: too much was asked; the same question may be answered after so long. */
  readonly retryAfterSecs?: number | undefined
  readonly trace: AuthTrace
}

/** The end of a userdb lookup. */
export interface UserdbOutcome {
  readonly result: UserdbResult
  readonly user: string
  readonly fields: ExtraFields
  readonly reason?: string
}
