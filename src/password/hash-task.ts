// One request for a slow hash, from when it is accepted until it has its answer.

import { type SlowHash, shapeOf } from './slow-hash.js'

export interface HashRequest {
  readonly hash: SlowHash
  readonly password: Uint8Array
  /** Whose turn it takes. */
  readonly user: string
}

/**
 * `notAvailable`: nobody can compute it on this platform; `unavailable`: nobody did this time, and with
 * `retryAfterSecs` because too much else was to be computed.
 */
export type HashOutcome =
  | { readonly digest: Buffer }
  | { readonly unavailable: string; readonly retryAfterSecs?: number }
  | { readonly notAvailable: string }

/** A request that was handed in. */
export interface HashTicket {
  /** The digest; or why there is none in time. Never rejects. */
  readonly outcome: Promise<HashOutcome>
  /**
   * Nobody wants the answer any more: what still waits leaves the queue, and true is returned. A thread that is
   * computing it already goes on.
   */
  giveUp(): boolean
}

export class HashTask {
  readonly request: HashRequest
  /** Tasks of the same shape may be computed together. */
  readonly shape: string | undefined
  /** How long it will probably take. */
  readonly estimateMs: number
  readonly outcome: Promise<HashOutcome>
  /** How many threads were lost over it. */
  attempts = 0
  #resolve: (outcome: HashOutcome) => void = () => {}
  #isSettled = false
  readonly #deadline: NodeJS.Timeout

  /** `onDeadline` is told when it waited so long, unless it is settled by then. */
  constructor(
    request: HashRequest,
    estimateMs: number,
    timeoutMs: number,
    onDeadline: (task: HashTask) => void,
  ) {
    this.request = request
    this.shape = shapeOf(request.hash, request.password.length)
    this.estimateMs = estimateMs
    this.outcome = new Promise(resolve => {
      this.#resolve = resolve
    })
    this.#deadline = setTimeout(onDeadline, timeoutMs, this)
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Answers; a second answer is ignored. */
  settle(outcome: HashOutcome): void {
    if (this.#isSettled) return
    this.#isSettled = true
    clearTimeout(this.#deadline)
    this.#resolve(outcome)
  }
}
