// Which hashes took too long lately. For a while they are not computed again, so that one account, of which somebody tries
// a password every second, does not take the threads from all others.

import { hash as digest } from 'node:crypto'
import type { Clock } from '../model/clock.js'
import type { SlowHash } from './slow-hash.js'

const KEPT = 1000
/** A machine that stood still for a moment keeps nobody out for long. */
const FIRST_PAUSE_MS = 10_000
/** A hash that always takes too long takes a thread once in so long a time. */
const LONGEST_PAUSE_MS = 600_000

interface Entry {
  readonly work: number
  readonly pauseMs: number
  readonly until: number
}

export class TooSlow {
  /** By a digest, since salt and costs are part of the stored value. */
  readonly #entries = new Map<string, Entry>()
  readonly #clock: Pick<Clock, 'now'>

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** It took too long; each time that it does, the pause is twice as long. The oldest are forgotten. */
  note(hash: SlowHash, work: number): void {
    const key = keyOf(hash)
    const last = this.#entries.get(key)
    const pauseMs = last ? Math.min(2 * last.pauseMs, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS
    this.#entries.delete(key)
    this.#entries.set(key, {
      work: Math.min(work, last?.work ?? work),
      pauseMs,
      until: this.#clock.now() + pauseMs,
    })
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined && this.#entries.size > KEPT) this.#entries.delete(oldest)
  }

  /**
   * Whether it is not to be computed now. Less work than took too long is: of SHA-CRYPT a long password is more work than a
   * short one, and nobody's guesses of 500 characters keep out whoever has the right one.
   */
  has(hash: SlowHash, work: number): boolean {
    if (this.#entries.size === 0) return false
    const entry = this.#entries.get(keyOf(hash))
    return entry !== undefined && work >= entry.work && this.#clock.now() < entry.until
  }

  /** It was computed in time. */
  forget(hash: SlowHash, work: number): void {
    if (this.#entries.size === 0) return
    const key = keyOf(hash)
    if (work >= (this.#entries.get(key)?.work ?? Infinity)) this.#entries.delete(key)
  }
}

const keyOf = (hash: SlowHash): string =>
  digest('sha256', JSON.stringify({ ...hash, salt: Buffer.from(hash.salt).toString('hex') }), 'base64')
