// What the cache remembers: answers by key, each for its time, found users and unknown names apart.

import type { Clock } from '../model/clock.js'
import { type Counts, noCounts } from './counts.js'
import { Entries, type Entry, entryBytes } from './entries.js'
import { PasswordDigests } from './password-digests.js'

export interface AnswersOptions {
  readonly sizeBytes: number
  readonly ttlMs: number
  readonly negativeTtlMs: number
}

/** Unknown names may fill this part and no more: whoever invents them evicts nobody who exists. */
const NEGATIVE_SHARE = 1 / 8

/** The value of an unknown user, as in Dovecot (auth-cache.c). */
export const UNKNOWN = ''

export class Answers {
  readonly digests = new PasswordDigests()
  readonly positive: Entries
  readonly negative: Entries
  /** Since the start. */
  readonly counts: Counts = noCounts()
  readonly #clock: Clock
  readonly #ttlMs: number
  readonly #negativeTtlMs: number

  constructor({ sizeBytes, ttlMs, negativeTtlMs }: AnswersOptions, clock: Clock) {
    const forget = (entry: Entry) => this.#wipe(entry)
    const negativeBytes = Math.floor(sizeBytes * NEGATIVE_SHARE)
    this.positive = new Entries(sizeBytes - negativeBytes, forget)
    this.negative = new Entries(negativeBytes, forget)
    this.#clock = clock
    this.#ttlMs = ttlMs
    this.#negativeTtlMs = negativeTtlMs
  }

  /** The entry, however old; nothing is counted and nothing moves. */
  peek(key: string): Entry | undefined {
    return this.positive.get(key) ?? this.negative.get(key)
  }

  /** The entry and whether its time is over; one that is not over is of use and leaves last. Counted. */
  find(key: string): { readonly entry: Entry; readonly expired: boolean } | undefined {
    const entry = this.peek(key)
    if (entry === undefined) {
      this.counts.misses++
      return undefined
    }
    if (this.#isOlderThan(entry, entry.value === UNKNOWN ? this.#negativeTtlMs : this.#ttlMs)) {
      this.counts.expired++
      return { entry, expired: true }
    }
    if (entry.value === UNKNOWN) this.counts.negativeHits++
    else this.counts.hits++
    this.#shareOf(entry.value).touch(entry)
    return { entry, expired: false }
  }

  /**
   * Whether a wrong password says little about this entry: the last one was right, so the user may have a new one; or
   * the entry is older than the negative TTL (passdb-cache.c:passdb_cache_use_password_mismatch, 2.3.19).
   */
  mismatchIsDoubtful(entry: Entry): boolean {
    return entry.lastSuccess || this.#isOlderThan(entry, this.#negativeTtlMs)
  }

  /** Remembers what the database said when it was asked at `createdAt`; in place of what is there. */
  insert(key: string, value: string, createdAt: number, lastSuccess: boolean): Entry {
    const bytes = entryBytes(key, value)
    const entry: Entry = {
      key,
      value,
      bytes,
      createdAt,
      lastSuccess,
      digest: -1,
      gone: false,
      newer: undefined,
      older: undefined,
    }
    this.forget(key)
    this.#shareOf(value).insert(entry)
    if (value === UNKNOWN) {
      this.counts.negativeInserts++
      this.counts.negativeBytes += bytes
    } else {
      this.counts.positiveInserts++
      this.counts.positiveBytes += bytes
    }
    return entry
  }

  /** Whether there was something to forget. */
  forget(key: string): boolean {
    const wasPositive = this.positive.delete(key)
    return this.negative.delete(key) || wasPositive
  }

  /** How many were forgotten. */
  forgetAll(isMeant: (key: string) => boolean): number {
    let forgotten = 0
    for (const share of [this.positive, this.negative]) {
      for (const key of share.keys()) if (isMeant(key) && share.delete(key)) forgotten++
    }
    return forgotten
  }

  #shareOf(value: string): Entries {
    return value === UNKNOWN ? this.negative : this.positive
  }

  #isOlderThan(entry: Entry, ttlMs: number): boolean {
    return this.#clock.now() - entry.createdAt > ttlMs
  }

  #wipe(entry: Entry): void {
    if (entry.digest < 0) return
    this.digests.wipe(entry.digest)
    entry.digest = -1
  }
}
