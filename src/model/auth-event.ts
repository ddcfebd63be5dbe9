// What happened, as data: the engine returns it, telemetry writes it down.

import type { FinalResult, PassdbResult } from './passdb-result.js'

/**
 * One step through the chain. `cache` says what the auth cache had to offer: `expired` means that the database was asked
 * again, `stale` that it was asked in vain and the expired entry answered.
 */
export interface TraceStep {
  readonly passdb: string
  readonly driver: string
  readonly result: PassdbResult
  readonly cache: 'none' | 'hit' | 'miss' | 'expired' | 'stale'
  readonly ms: number
  readonly reason?: string
}

export type AuthTrace = readonly TraceStep[]

/** One answered question. Holds no password, no hash and no field value. */
export interface AuthEvent {
  readonly question: 'verify' | 'lookup' | 'userdb'
  readonly result: FinalResult
  readonly user: string
  readonly originalUser: string
  readonly masterUser?: string
  readonly protocol: string
  readonly mechanism?: string
  readonly remoteIp?: string
  readonly sessionId?: string
  readonly reason?: string
  readonly cause?: unknown
  /** With `internal_failure`: nothing is broken, but more was asked than can be answered. */
  readonly overloaded?: true
  readonly trace: AuthTrace
  readonly ms: number
}
