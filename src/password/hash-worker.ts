// The worker's end of the hash pool: takes batches in turn, answers each with its digests.

import { parentPort, workerData } from 'node:worker_threads'
import { type Capabilities, capabilities, computeHashes, heat } from './compute-hashes.js'
import { LEAVE } from './hash-thread.js'
import { NotAvailable } from './not-available.js'
import type { Breathe } from './sha-crypt-engine.js'
import type { SlowHash } from './slow-hash.js'
import { standBack } from './stand-back.js'

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

if (parentPort) work(parentPort, workerData as HashWorkerData)

type Port = NonNullable<typeof parentPort>

function work(port: Port, { heatMs }: HashWorkerData): void {
  const answer = (message: HashAnswer) => port.postMessage(message)
  let isLeaving = false
  const breathe = standBack()
  let last = Promise.resolve()
  port.on('message', (batch: HashBatch | typeof LEAVE) => {
    if (batch === LEAVE) {
      isLeaving = true
      last.then(() => process.exit(0))
      return
    }
    // One after the other, also where a hash is awaited.
    last = last.then(async () => {
      if (!isLeaving) answer(await compute(batch, breathe))
    })
  })
  const ready = capabilities()
  heat(heatMs)
  answer({ kind: 'ready', capabilities: ready })
}

async function compute({ id, hashes, passwords }: HashBatch, breathe: Breathe): Promise<HashAnswer> {
  const start = performance.now()
  try {
    const digests = await computeHashes(hashes, passwords, breathe)
    return { kind: 'digests', id, digests, ms: performance.now() - start }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : 'unknown'
    return { kind: 'failed', id, message, ...(cause instanceof NotAvailable ? { notAvailable: true } : {}) }
  } finally {
    for (const password of passwords) password.fill(0)
  }
}
