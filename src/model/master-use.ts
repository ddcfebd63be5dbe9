// One use of a master user's power, or the attempt at one: what the audit keeps. No password, no hash, no field.

import type { FinalResult } from './passdb-result.js'

export interface MasterUse {
  /** Who wanted to be somebody else. */
  readonly master: string
  /** Whom: the name that was logged in as, or that was asked for if nobody was. */
  readonly user: string
  readonly result: FinalResult
  readonly reason?: string
  /** `caller`: a Dovecot that has a master passdb of its own verified the master's password, and asked for the user. */
  readonly verifiedBy: 'homing' | 'caller'
  readonly protocol: string
  readonly mechanism?: string
  readonly remoteIp?: string
  /** The address that the connection came from, where a proxy told another one. */
  readonly realRemoteIp?: string
  readonly sessionId?: string
}

/** A use as it is written down. */
export interface RecordedMasterUse extends MasterUse {
  /** Seconds since 1970. */
  readonly at: number
}

/** Where uses are kept, each for ever. Rejects with an error that says by `temporary` whether trying again may help. */
export interface MasterUseStore {
  /** All of them or none. */
  add(uses: readonly RecordedMasterUse[]): Promise<void>
}
