// Slow hashes off the event loop: who waits is served in turn, by threads that are replaced when they fail.

import { type Clock, systemClock } from '../model/clock.js'
import type { Capabilities } from './compute-hashes.js'
import { HashEstimates, isDear, limitMsFor } from './hash-estimates.js'
import type { HashBatch } from './hash-message.js'
import { HashQueue } from './hash-queue.js'
import { type HashOutcome, type HashRequest, HashTask, type HashTicket } from './hash-task.js'
import { type HashFailure, HashThread, type Loss } from './hash-thread.js'
import { memoryBytesOf, workOf } from './slow-hash.js'
import { TooSlow } from './too-slow.js'

export interface HashPoolOptions {
  readonly threads: number
  readonly queueLimit: number
  /** How long a request may wait for a thread. */
  readonly timeoutMs: number
  /** A request is refused while what waits is expected to take longer than this. */
  readonly maxWaitMs: number
  /** How long one batch may take, whatever was expected, before its thread is given up. */
  readonly timeLimitMs: number
  /** How much memory hashes may take that are computed at the same time. */
  readonly memoryLimitBytes: number
  /** The worker's program; another one in tests. */
  readonly program?: URL
  /** How long what took too long is left alone. Default: the machine's. */
  readonly clock?: Pick<Clock, 'now'>
}

/** Just now, and the counts since the start. */
export interface HashPoolStats {
  readonly threads: number
  readonly waiting: number
  readonly running: number
  readonly computed: number
  readonly refused: number
  readonly timedOut: number
  readonly threadsLost: number
}

interface Batch {
  readonly message: HashBatch
  readonly limitMs: number
  readonly tasks: readonly HashTask[]
}

type Thread = HashThread<Batch>

/** Two batches in flight per thread: it need not wait for us between them. */
const IN_FLIGHT = 2
/** A batch is sent ahead to a busy thread only behind work this short: elsewhere it might be served sooner. */
const SHORT_MS = 25
/** How many users' oldest requests are looked at for one that may share a pass. */
const PARTNER_SCAN = 16
const HEAT_MS = 80
const START_LIMIT_MS = 15_000
const RESTART_PAUSE_MS = 250
const ATTEMPTS = 2

export class HashPool {
  readonly #options: HashPoolOptions
  readonly #queue: HashQueue
  readonly #threads = new Set<Thread>()
  /** What lost threads were computing and nobody wants any more, until it has ended. */
  readonly #abandoned = new Set<Promise<void>>()
  readonly #estimates = new HashEstimates()
  readonly #counters = { computed: 0, refused: 0, timedOut: 0, threadsLost: 0 }
  readonly #tooSlow: TooSlow
  readonly #warm: Promise<void>
  #announceWarm: () => void = () => {}
  #capabilities: Capabilities | undefined
  #memoryBytes = 0
  #nextBatch = 0
  #restart: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: HashPoolOptions) {
    this.#options = options
    this.#tooSlow = new TooSlow(options.clock ?? systemClock)
    this.#queue = new HashQueue(options.queueLimit, options.maxWaitMs * options.threads)
    this.#warm = new Promise(resolve => {
      this.#announceWarm = resolve
    })
  }

  /** What the first thread said it computes with; undefined until one is ready. */
  get capabilities(): Capabilities | undefined {
    return this.#capabilities
  }

  /** How many threads there may be. */
  get threadLimit(): number {
    return this.#options.threads
  }

  get stats(): HashPoolStats {
    const running = [...this.#threads].flatMap(({ batches }) => batches.flatMap(({ tasks }) => tasks))
    return {
      threads: this.#threads.size,
      waiting: this.#queue.size,
      running: running.length,
      ...this.#counters,
    }
  }

  /** Resolves when one thread is ready and its code compiled. */
  async warmUp(): Promise<void> {
    if (this.#threads.size === 0 && !this.#isClosed) this.#startThread(HEAT_MS)
    await this.#warm
  }

  /** Hands a request in. What cannot be accepted has its outcome at once. */
  submit(request: HashRequest): HashTicket {
    if (this.#isClosed) return refused({ unavailable: 'the service is stopping' })
    const { hash, password } = request
    const work = workOf(hash, password.length)
    if (this.#tooSlow.has(hash, work)) return refused(tookTooLong)
    const room = this.#queue.makeRoom(request.user)
    if (room !== true) this.#counters.refused++
    if (room === false) return refused(this.#overloaded('too many passwords wait for their hash'))
    if (room !== true) room.settle(this.#overloaded('too many passwords of this user wait for their hash'))
    const estimateMs = this.#estimates.msOf(hash.kind, work)
    const task = new HashTask(request, estimateMs, this.#options.timeoutMs, late => {
      const isLate = this.#giveUp(late, this.#overloaded('no thread was free for the hash in time'))
      if (isLate) this.#counters.timedOut++
    })
    this.#queue.add(task)
    this.#dispatch()
    return { outcome: task.outcome, giveUp: () => this.#giveUp(task, givenUp) }
  }

  /** Ends all threads; what waits ends as unavailable. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#restart)
    this.#announceWarm()
    const threads = [...this.#threads]
    this.#threads.clear()
    const tasks = threads.flatMap(({ batches }) => batches.flatMap(batch => batch.tasks))
    for (let task = this.#queue.take(); task; task = this.#queue.take()) tasks.push(task)
    for (const task of tasks) task.settle({ unavailable: 'the service is stopping' })
    await Promise.all([...threads.map(thread => thread.end()), ...this.#abandoned])
  }

  /** Settles what still waits, and leaves alone what is being computed. */
  #giveUp(task: HashTask, outcome: HashOutcome): boolean {
    const waited = this.#queue.remove(task)
    if (waited) task.settle(outcome)
    return waited
  }

  /** All that waits now is done or given up by then. */
  #overloaded(unavailable: string): HashOutcome {
    return { unavailable, retryAfterSecs: Math.ceil(this.#options.maxWaitMs / 1000) }
  }

  /** Gives what waits to who is free, and starts a thread when nobody is. */
  #dispatch(): void {
    while (this.#queue.size > 0) {
      const thread = this.#freeThread()
      const batch = thread && this.#nextTasks()
      if (!thread || !batch) break
      thread.send(batch)
    }
    if (this.#queue.size > 0) this.#startAnother()
  }

  /** An idle thread, or one whose work is short enough to send the next batch ahead. */
  #freeThread(): Thread | undefined {
    const ready = [...this.#threads].filter(thread => thread.isReady)
    const idle = ready.find(({ batches }) => batches.length === 0)
    if (idle) return idle
    const mayStartMore = this.#threads.size < this.#options.threads
    if (mayStartMore) return undefined
    return ready.find(({ batches }) => batches.length < IN_FLIGHT && batches.every(isShort))
  }

  /** The next task and, where more wait than there are idle threads, those that can share its pass. */
  #nextTasks(): Batch | undefined {
    const first = this.#take()
    if (!first) return undefined
    const tasks = [first]
    const { shape, attempts, request } = first
    const lanes = this.#capabilities?.lanes[request.hash.kind] ?? 1
    // Whoever lost a thread already is computed alone, so that it takes nobody with it.
    if (shape !== undefined && attempts === 0) {
      while (tasks.length < lanes && this.#queue.size >= this.#idleThreads) {
        const partner = this.#queue.take(task => task.shape === shape && task.attempts === 0, PARTNER_SCAN)
        if (!partner) break
        tasks.push(partner)
      }
    }
    this.#memoryBytes += memoryOf(tasks)
    const hashes = tasks.map(task => task.request.hash)
    const passwords = tasks.map(task => Uint8Array.from(task.request.password))
    return { message: { id: this.#nextBatch++, hashes, passwords }, tasks, limitMs: this.#limitMs(tasks) }
  }

  /** What waits behind its like, which took too long meanwhile, is not tried. */
  #take(): HashTask | undefined {
    for (;;) {
      const task = this.#queue.take(this.#fitsMemory())
      if (!task || !this.#tooSlow.has(task.request.hash, workOfTask(task))) return task
      task.settle(tookTooLong)
    }
  }

  /** A thread that hangs is replaced before the caller has asked a second time and given up. */
  #limitMs(tasks: readonly HashTask[]): number {
    const expectedMs = tasks.reduce((sum, { estimateMs }) => sum + estimateMs, 0)
    return limitMsFor(expectedMs, this.#options.timeLimitMs)
  }

  get #idleThreads(): number {
    let idle = 0
    for (const thread of this.#threads) if (thread.isReady && thread.batches.length === 0) idle++
    return idle
  }

  /** Accepts what fits the memory budget. Behind a task that does not, no other that needs memory is let past. */
  #fitsMemory(): (task: HashTask) => boolean {
    let isBlocked = false
    return ({ request }) => {
      const bytes = memoryBytesOf(request.hash)
      if (bytes === 0) return true
      isBlocked ||= this.#memoryBytes > 0 && this.#memoryBytes + bytes > this.#options.memoryLimitBytes
      return !isBlocked
    }
  }

  #startAnother(): void {
    const starting = [...this.#threads].some(thread => !thread.isReady)
    if (!starting && !this.#isFull && !this.#restart) this.#startThread(0)
  }

  /**
   * What does not end when it is told to (pbkdf2 is computed in one go) keeps a place, of which there are as many again: one
   * account's hash must not take all places from others, nor must threads pile up.
   */
  get #isFull(): boolean {
    const { threads } = this.#options
    return this.#threads.size >= threads || this.#threads.size + this.#abandoned.size >= 2 * threads
  }

  #startThread(heatMs: number): void {
    const { program } = this.#options
    const thread: Thread = new HashThread<Batch>(
      { heatMs, startLimitMs: START_LIMIT_MS, ...(program ? { program } : {}) },
      {
        ready: found => {
          // Only the first one has looked which of its ways is the quickest.
          this.#capabilities ??= found
          this.#announceWarm()
          this.#dispatch()
        },
        done: (batch, digests, ms) => this.#done(batch, digests, ms),
        failed: (batch, failure) => this.#failed(batch, failure),
        lost: (batches, loss) => this.#lost(thread, batches, loss),
      },
    )
    this.#threads.add(thread)
  }

  #done({ tasks }: Batch, digests: readonly Uint8Array[], ms: number): void {
    this.#memoryBytes -= memoryOf(tasks)
    this.#counters.computed += tasks.length
    for (const [i, task] of tasks.entries()) {
      const { hash } = task.request
      const work = workOfTask(task)
      this.#tooSlow.forget(hash, work)
      this.#estimates.learn(hash.kind, work, ms / tasks.length)
      const digest = digests[i]
      task.settle(digest ? { digest: Buffer.from(digest) } : { unavailable: 'the hash was not computed' })
    }
    this.#dispatch()
  }

  #failed({ tasks }: Batch, failure: HashFailure): void {
    this.#memoryBytes -= memoryOf(tasks)
    for (const task of tasks) task.settle(failure)
    this.#dispatch()
  }

  /**
   * Tries once more what the thread was computing, unless it took too long and is dear: that it would again. Where it should
   * have been quick the machine may have stood still; of several that shared a pass one may be to blame, so they are tried
   * alone. What was only sent ahead to the thread has lost nothing.
   */
  #lost(thread: Thread, batches: readonly Batch[], { reason, isLate, ended }: Loss): void {
    this.#threads.delete(thread)
    this.#counters.threadsLost++
    const [current, ...ahead] = batches
    for (const task of ahead.flatMap(batch => batch.tasks).reverse()) this.#again(task)
    const isAlone = current?.tasks.length === 1
    for (const task of current?.tasks ?? []) {
      const isToBlame = isLate && isAlone && (task.attempts > 0 || isDear(task.estimateMs))
      task.attempts++
      if (isToBlame) this.#tooSlow.note(task.request.hash, workOfTask(task))
      if (!isToBlame && task.attempts < ATTEMPTS) this.#again(task)
      else task.settle({ unavailable: `the hash thread ${reason}` })
    }
    this.#memoryBytes -= memoryOf(ahead.flatMap(batch => batch.tasks))
    this.#outlast(current?.tasks ?? [], ended)
    if (thread.isProved) this.#dispatch()
    else this.#pause()
  }

  /** What is still computed still takes its memory. */
  #outlast(tasks: readonly HashTask[], ended: Promise<void>): void {
    const over = ended.then(() => {
      this.#abandoned.delete(over)
      this.#memoryBytes -= memoryOf(tasks)
      this.#dispatch()
    })
    this.#abandoned.add(over)
  }

  #again(task: HashTask): void {
    if (!task.isSettled) this.#queue.putBack(task)
  }

  /** A thread that never became ready is not replaced at once: the next one would probably fail too. */
  #pause(): void {
    this.#restart = setTimeout(() => {
      this.#restart = undefined
      if (this.#threads.size === 0 && !this.#capabilities) this.#startThread(HEAT_MS)
      this.#dispatch()
    }, RESTART_PAUSE_MS)
    this.#restart.unref()
  }
}

const givenUp: HashOutcome = { unavailable: 'the request was given up' }

/** No `retryAfterSecs`: asked again at once it would be the same. */
const tookTooLong: HashOutcome = { unavailable: 'the hash took too long a moment ago' }

const refused = (outcome: HashOutcome): HashTicket => ({
  outcome: Promise.resolve(outcome),
  giveUp: () => false,
})

const workOfTask = ({ request: { hash, password } }: HashTask): number => workOf(hash, password.length)

const memoryOf = (tasks: readonly HashTask[]): number =>
  tasks.reduce((sum, task) => sum + memoryBytesOf(task.request.hash), 0)

const isShort = ({ tasks }: Batch): boolean => tasks.every(({ estimateMs }) => estimateMs < SHORT_MS)
