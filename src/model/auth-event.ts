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
  readonly reason?: string | undefined
}

export type AuthTrace = readonly TraceStep[]

/** One answered question. Holds no password, no hash and no field value. */
export interface AuthEvent {
  readonly question: 'verify' | 'lookup' | 'userdb'
  readonly result: FinalResult
  readonly user: string
  readonly originalUser: string
  readonly masterUser?: string | undefined
  readonly protocol: string
  readonly mechanism?: string | undefined
  readonly remoteIp?: string | undefined
  readonly sessionId?: string | undefined
  readonly reason?: string | undefined
  readonly cause?: unknown
  /** With `internal_failure`: nothing is broken, but more was asked than can be answered. */
  readonly overloaded?: boolean
  readonly trace: AuthTrace
  readonly ms: number
}
