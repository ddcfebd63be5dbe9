// The worker's end of the hash pool: takes batches in turn, answers each with its digests.

import { parentPort, workerData } from 'node:worker_threads'
import { capabilities, computeHashes, heat, stopPrograms } from './compute-hashes.js'
import { type HashAnswer, type HashBatch, type HashWorkerData, LEAVE } from './hash-message.js'
import { NotAvailable } from './not-available.js'
import type { Breathe } from './sha-crypt-engine.js'
import { standBack } from './stand-back.js'

if (parentPort) work(parentPort, workerData as HashWorkerData)

type Port = NonNullable<typeof parentPort>

function work(port: Port, { heatMs }: HashWorkerData): void {
  const answer = (message: HashAnswer) => port.postMessage(message)
  const breathe = standBack()
  let last = Promise.resolve()
  port.on('message', (batch: HashBatch | typeof LEAVE) => {
    if (batch === LEAVE) {
      // Not before they are gone: nobody else would collect what is left of them.
      stopPrograms().finally(() => process.exit(0))
      return
    }
    // One after the other, also where a hash is awaited.
    last = last.then(async () => {
      answer(await compute(batch, breathe))
    })
  })
  heat(heatMs)
  answer({ kind: 'ready', capabilities: capabilities() })
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
