// One worker thread as the pool sees it: what it is computing, and when it is given up.

import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Capabilities } from './compute-hashes.js'
import { type HashAnswer, type HashBatch, type HashWorkerData, LEAVE } from './hash-message.js'
import { isComputedOutside } from './slow-hash.js'

export interface HashThreadOptions {
  /** How long the thread may take to start. */
  readonly startLimitMs: number
  readonly heatMs: number
  /** The worker's program; another one in tests. */
  readonly program?: URL
}

interface Timed {
  readonly message: HashBatch
  /** How long it may take. */
  readonly limitMs: number
}

export interface HashThreadEvents<B extends Timed> {
  ready(capabilities: Capabilities): void
  done(batch: B, digests: readonly Uint8Array[], ms: number): void
  /** The computation threw: a bug, or a library that refuses what we let through. */
  failed(batch: B, outcome: HashFailure): void
  /** The thread crashed or hung and takes nothing more. The first batch is the one it was computing. */
  lost(batches: readonly B[], loss: Loss): void
}

export interface Loss {
  readonly reason: string
  /** Whether the first batch took longer than it may. */
  readonly isLate: boolean
  /** Resolves when nothing is computed any more. Never rejects. */
  readonly ended: Promise<void>
}

export type HashFailure = { readonly unavailable: string } | { readonly notAvailable: string }

const failureOf = ({ message, notAvailable }: Extract<HashAnswer, { kind: 'failed' }>): HashFailure =>
  notAvailable ? { notAvailable: message } : { unavailable: `the hash was not computed: ${message}` }

const GRACE_MS = 50
const TOOK_TOO_LONG = 'took too long'

/** How long a thread may take to end what another process computes for it. */
const LEAVE_LIMIT_MS = 1000

const isOutside = ({ hashes, passwords }: HashBatch): boolean =>
  hashes.some((hash, i) => isComputedOutside(hash, passwords[i] ?? new Uint8Array()))

const program = new URL('./hash-worker.js', import.meta.url)

export class HashThread<B extends Timed> {
  readonly #worker: Worker
  readonly #events: HashThreadEvents<B>
  readonly #exited: Promise<void>
  #batches: B[] = []
  #timer: NodeJS.Timeout | undefined
  #isReady = false
  #isGone = false

  constructor(options: HashThreadOptions, events: HashThreadEvents<B>) {
    this.#events = events
    const workerData: HashWorkerData = { heatMs: options.heatMs }
    this.#worker = new Worker(options.program ?? program, {
      workerData,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 2 },
    })
    // A waiting request keeps the process alive by its own deadline; an idle thread must not.
    this.#worker.unref()
    this.#exited = new Promise(resolve => this.#worker.once('exit', () => resolve()))
    this.#worker.on('message', (answer: HashAnswer) => this.#take(answer))
    this.#worker.on('error', (cause: Error) => this.#lose(`crashed: ${cause.message}`))
    this.#worker.on('exit', code => this.#lose(`ended with code ${code}`))
    this.#watch(options.startLimitMs, 'did not start')
  }

  /** Whether it takes batches. */
  get isReady(): boolean {
    return this.#isReady && !this.#isGone
  }

  /** Whether it was ever ready. */
  get isProved(): boolean {
    return this.#isReady
  }

  get batches(): readonly B[] {
    return this.#batches
  }

  send(batch: B): void {
    this.#worker.postMessage(batch.message)
    this.#batches.push(batch)
    if (this.#batches.length === 1) this.#watch(batch.limitMs, TOOK_TOO_LONG)
  }

  /** Ends the thread, also in the middle of a hash. Resolves when it is gone; its batches are the caller's. */
  async end(): Promise<void> {
    await this.#end(this.#batches[0])
  }

  async #end(current: B | undefined): Promise<void> {
    this.#isGone = true
    clearTimeout(this.#timer)
    if (current && isOutside(current.message)) await this.#leave()
    await this.#worker.terminate()
  }

  /** Asks the thread to end, since only it can end the process that computes for it. */
  async #leave(): Promise<void> {
    const waiting = new AbortController()
    this.#worker.postMessage(LEAVE)
    await Promise.race([
      this.#exited,
      sleep(LEAVE_LIMIT_MS, undefined, { signal: waiting.signal }).catch(() => undefined),
    ])
    waiting.abort()
  }

  #take(answer: HashAnswer): void {
    if (this.#isGone) return
    clearTimeout(this.#timer)
    if (answer.kind === 'ready') {
      this.#isReady = true
      this.#events.ready(answer.capabilities)
      return
    }
    const batch = this.#batches.shift()
    if (!batch || batch.message.id !== answer.id) throw new Error('hash worker answered out of turn')
    const [next] = this.#batches
    if (next) this.#watch(next.limitMs, TOOK_TOO_LONG)
    if (answer.kind === 'digests') this.#events.done(batch, answer.digests, answer.ms)
    else this.#events.failed(batch, failureOf(answer))
  }

  #watch(limitMs: number, reason: string): void {
    const expire = () => {
      // Were we the ones who were late, the answer lies there already: let it be read before judging.
      this.#timer = setTimeout(() => this.#lose(reason), GRACE_MS)
      this.#timer.unref()
    }
    this.#timer = setTimeout(expire, limitMs)
    this.#timer.unref()
  }

  #lose(reason: string): void {
    if (this.#isGone) return
    const batches = this.#batches
    this.#batches = []
    const ended = this.#end(batches[0]).catch(() => undefined)
    this.#events.lost(batches, { reason, isLate: reason === TOOK_TOO_LONG, ended })
  }
}
