// One request for a slow hash, from when it is accepted until it has its answer.

import { type SlowHash, shapeOf } from './slow-hash.js'

export interface HashRequest {
  readonly hash: SlowHash
  readonly password: Uint8Array
  /** Whose turn it takes. */
  readonly user: string
  readonly signal?: AbortSignal
}

/** `notAvailable`: nobody can compute it on this platform; `unavailable`: nobody did this time. */
export type HashOutcome =
  | { readonly digest: Buffer }
  | { readonly unavailable: string }
  | { readonly notAvailable: string }

export class HashTask {
  readonly request: HashRequest
  /** Tasks of the same shape may be computed together. */
  readonly shape: string | undefined
  /** How long it will probably take; 0 while nobody knows. */
  readonly estimateMs: number
  readonly outcome: Promise<HashOutcome>
  /** How many threads were lost over it. */
  attempts = 0
  #resolve: (outcome: HashOutcome) => void = () => {}
  #isSettled = false
  readonly #release: () => void

  /** `giveUp` is told when the deadline passes or the request's signal fires, unless the task is settled by then. */
  constructor(
    request: HashRequest,
    estimateMs: number,
    timeoutMs: number,
    giveUp: (task: HashTask, reason: 'deadline' | 'abort') => void,
  ) {
    this.request = request
    this.shape = shapeOf(request.hash, request.password.length)
    this.estimateMs = estimateMs
    this.outcome = new Promise(resolve => {
      this.#resolve = resolve
    })
    const deadline = setTimeout(() => giveUp(this, 'deadline'), timeoutMs)
    const onAbort = () => giveUp(this, 'abort')
    request.signal?.addEventListener('abort', onAbort, { once: true })
    this.#release = () => {
      clearTimeout(deadline)
      request.signal?.removeEventListener('abort', onAbort)
    }
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Answers; a second answer is ignored. */
  settle(outcome: HashOutcome): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#release()
    this.#resolve(outcome)
  }
}
