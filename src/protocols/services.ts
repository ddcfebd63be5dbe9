// What a protocol may ask for. The composition root fills it in.

import type { AccountDesk } from '../accounts/account-desk.js'
import type { AccountKind } from '../accounts/account-kinds.js'
import type { Auth } from '../auth/auth.js'
import type { CacheControl } from '../cache/cache-control.js'
import type { LoginReports } from '../database/login-events.js'
import type { MasterUses } from '../database/master-uses.js'
import type { ListDesk } from '../policy/list-desk.js'
import type { PolicyServer } from '../policy/policy-server.js'

/** `degraded`: we answer, but a database does not. `stopping`: finish what is under way, send nothing new. */
export type Readiness = 'ready' | 'degraded' | 'stopping'

export interface Services {
  readonly auth: Auth
  /** The auth caches of all copies, and those of Dovecot itself. */
  readonly caches: CacheControl
  /** The accounts of a kind, for the admin door; `by` is for the audit. */
  readonly deskOf?: (kind: AccountKind, by: string) => AccountDesk
  /** The policy's lists, for the admin door. */
  readonly lists?: ListDesk
  /** Logins and attempts at them, for the admin door. */
  readonly attempts?: Attempts
  /** `authenticate`, asked of the policy first where policy_check says so. */
  readonly verify?: Auth['authenticate']
  /** Absent: there is no policy. */
  readonly policy?: PolicyServer | undefined
  /** How each part of this copy is, as healthSchema says; for the admin door. Within a second, as the next. */
  readonly health?: () => Promise<object>
  /** Answers within a second, whatever the databases do. */
  readiness(): Promise<Readiness>
  /** The metrics in Prometheus' text format, and its content type. */
  metrics(): Promise<{ contentType: string; text: string }>
  /**
   * An exception that should never have happened: into the log and the counters. `where` names the door. A
   * DatabaseError that nobody could answer with is only logged.
   */
  reportBug(where: string, error: unknown): void
  /** Told of what the listeners do; absent in tests. */
  readonly watch?: RequestWatch
}

/** What the reports are made of, and what is kept for them: that may change. */
export interface Attempts {
  readonly loginEvents: LoginReports
  readonly masterUses: Pick<MasterUses, 'latest'>
  /** What a user is known as who is named in another way. */
  readonly nameOf: (written: string) => string
  readonly kept: {
    readonly login_events: string
    readonly last_login: boolean
  }
}

export interface RequestWatch {
  /** A request was answered, with a verdict in Dovecot's words or with none. */
  answered(request: {
    readonly door: string
    /** The HTTP status; absent where the door speaks something else. */
    readonly status?: number
    readonly verdict?: string
    readonly seconds: number
  }): void
  /** A caller was turned away (401, 403). `peer` is its address, absent on a unix socket. */
  turnedAway(door: string, status: number, peer: string | undefined): void
  /** A connection more, or one less. */
  connected(door: string, difference: 1 | -1): void
}
