// What the hash pool and its workers say to each other.

import type { Capabilities } from './compute-hashes.js'
import type { SlowHash } from './slow-hash.js'

/** What a thread is told instead of a batch: it stops what other processes compute for it, and ends. */
export const LEAVE = 'leave'

export interface HashBatch {
  readonly id: number
  readonly hashes: readonly SlowHash[]
  readonly passwords: readonly Uint8Array[]
}

export type HashAnswer =
  | { readonly kind: 'ready'; readonly capabilities: Capabilities }
  /** `ms` is the time of this batch alone, without waiting. */
  | {
      readonly kind: 'digests'
      readonly id: number
      readonly digests: readonly Uint8Array[]
      readonly ms: number
    }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string; readonly notAvailable?: true }

export interface HashWorkerData {
  /** Hash for this long before saying ready, so that the first login meets compiled code. */
  readonly heatMs: number
}
