// How long hashes take on this machine, and from when on one takes too long.

import { type SlowHashKind, usualMsPerWork } from './slow-hash.js'

/** A thread hangs that takes so many times what was expected, and so long at least: others may need the cores. */
const HANGS_AFTER = 50
const LEAST_LIMIT_MS = 2000
/** What is expected to take so long may itself be why a thread takes too long. */
const DEAR_MS = LEAST_LIMIT_MS / HANGS_AFTER

export class HashEstimates {
  readonly #msPerWork = new Map<SlowHashKind, number>()

  /** `work` as workOf has it; by what such hashes took so far, or else usually take. */
  msOf(kind: SlowHashKind, work: number): number {
    return work * (this.#msPerWork.get(kind) ?? usualMsPerWork[kind])
  }

  learn(kind: SlowHashKind, work: number, ms: number): void {
    const known = this.#msPerWork.get(kind)
    // A mean: if better times counted for more, too many would be accepted on a machine that others keep busy.
    const weight = known === undefined ? 1 : 0.2
    this.#msPerWork.set(kind, (known ?? 0) * (1 - weight) + (ms / work) * weight)
  }
}

/** How long what is expected to take so long may take, `most` at the most. */
export function limitMsFor(expectedMs: number, most: number): number {
  return Math.min(most, Math.max(LEAST_LIMIT_MS, HANGS_AFTER * expectedMs))
}

export function isDear(estimateMs: number): boolean {
  return estimateMs >= DEAR_MS
}
