// The worker's end of the hash pool: takes batches in turn, answers each with its digests.

import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { type Capabilities, capabilities, computeHashes, heat } from './compute-hashes.js'
import { NotAvailable } from './not-available.js'
import type { SlowHash } from './slow-hash.js'

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

const NICENESS = 10

if (parentPort) work(parentPort, workerData as HashWorkerData)

type Port = NonNullable<typeof parentPort>

function work(port: Port, { heatMs }: HashWorkerData): void {
  const answer = (message: HashAnswer) => port.postMessage(message)
  yieldToEventLoop()
  let last = Promise.resolve()
  port.on('message', (batch: HashBatch) => {
    // One after the other, also where a hash is awaited.
    last = last.then(() => compute(batch)).then(answer)
  })
  const ready = capabilities()
  heat(heatMs)
  answer({ kind: 'ready', capabilities: ready })
}

/**
 * Where all cores are busy, whoever needs no hash goes first. Linux gives each thread a niceness of its own; elsewhere
 * it would slow down the whole process.
 */
function yieldToEventLoop(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(NICENESS)
  } catch {
    // Without the right to be nicer the threads compete as equals.
  }
}

async function compute({ id, hashes, passwords }: HashBatch): Promise<HashAnswer> {
  const start = performance.now()
  try {
    const digests = await computeHashes(hashes, passwords)
    return { kind: 'digests', id, digests, ms: performance.now() - start }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : 'unknown'
    return { kind: 'failed', id, message, ...(cause instanceof NotAvailable ? { notAvailable: true } : {}) }
  } finally {
    for (const password of passwords) password.fill(0)
  }
}
