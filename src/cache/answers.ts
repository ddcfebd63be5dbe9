// What the cache remembers: answers by key, each for its time, found users and unknown names apart.

import type { Clock } from '../model/clock.js'
import type { CacheKey } from './cache-key.js'
import { type Counts, noCounts } from './counts.js'
import { Entries, type Entry, entryBytes } from './entries.js'
import { PasswordDigests } from './password-digests.js'
import { UserEntries } from './user-entries.js'

export interface AnswersOptions {
  readonly sizeBytes: number
  readonly ttlMs: number
  readonly negativeTtlMs: number
}

/** Unknown names may fill this part and no more: whoever invents them evicts nobody who exists. */
const NEGATIVE_SHARE = 1 / 8

/** The value of an unknown user, as in Dovecot (auth-cache.c). */
export const UNKNOWN = ''

/** Most entries have one of a few rests: those are kept once. With more (an address in each, say) each has its own. */
const SHARED_RESTS = 256

export class Answers {
  readonly digests = new PasswordDigests()
  readonly positive: Entries
  readonly negative: Entries
  /** Since the start. */
  readonly counts: Counts = noCounts()
  readonly #byUser = new UserEntries()
  readonly #rests = new Map<string, string>()
  readonly #clock: Clock
  readonly #ttlMs: number
  readonly #negativeTtlMs: number

  constructor({ sizeBytes, ttlMs, negativeTtlMs }: AnswersOptions, clock: Clock) {
    const negativeBytes = Math.floor(sizeBytes * NEGATIVE_SHARE)
    this.positive = new Entries(sizeBytes - negativeBytes)
    this.negative = new Entries(negativeBytes)
    this.#clock = clock
    this.#ttlMs = ttlMs
    this.#negativeTtlMs = negativeTtlMs
  }

  /** The entry, however old; nothing is counted and nothing moves. */
  peek(key: CacheKey): Entry | undefined {
    return this.#byUser.get(key)
  }

  /** Of whom something is known. */
  users(): IterableIterator<string> {
    return this.#byUser.users()
  }

  /** The entry and whether its time is over; one that is not over is of use and leaves last. Counted. */
  find(key: CacheKey): { readonly entry: Entry; readonly expired: boolean } | undefined {
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

  /**
   * Remembers what the database said when it was asked at `createdAt`; in place of what is there, and of the least
   * recently used ones. One that is bigger than everything is not kept; Dovecot throws everybody else out for it.
   */
  insert(key: CacheKey, value: string, createdAt: number, lastSuccess: boolean): Entry {
    const rest = this.#sharedRest(key.rest)
    const bytes = rest.isShared ? entryBytes(key.user, value) : entryBytes(key.user, key.rest, value)
    const entry: Entry = {
      user: ownCopy(key.user),
      rest: rest.text,
      value,
      bytes,
      createdAt,
      lastSuccess,
      digest: -1,
      gone: false,
      newer: undefined,
      older: undefined,
      sameUser: undefined,
    }
    this.forget(key)
    this.#add(entry)
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
  forget(key: CacheKey): boolean {
    const entry = this.#byUser.get(key)
    if (entry !== undefined) this.#remove(entry)
    return entry !== undefined
  }

  /** How many entries of this user were forgotten. */
  forgetUser(user: string): number {
    const entries = this.#byUser.of(user)
    for (const entry of entries) this.#remove(entry)
    return entries.length
  }

  #add(entry: Entry): void {
    const share = this.#shareOf(entry.value)
    if (entry.bytes > share.limitBytes) {
      entry.gone = true
      return
    }
    let leaving = share.evictFor(entry.bytes)
    while (leaving !== undefined) {
      this.#remove(leaving)
      leaving = share.evictFor(entry.bytes)
    }
    share.add(entry)
    this.#byUser.add(entry)
  }

  #remove(entry: Entry): void {
    this.#byUser.remove(entry)
    this.#shareOf(entry.value).remove(entry)
    if (entry.digest < 0) return
    this.digests.wipe(entry.digest)
    entry.digest = -1
  }

  #sharedRest(text: string): { readonly text: string; readonly isShared: boolean } {
    const known = this.#rests.get(text)
    if (known !== undefined) return { text: known, isShared: true }
    const own = ownCopy(text)
    if (this.#rests.size >= SHARED_RESTS) return { text: own, isShared: false }
    this.#rests.set(own, own)
    return { text: own, isShared: true }
  }

  #shareOf(value: string): Entries {
    return value === UNKNOWN ? this.negative : this.positive
  }

  #isOlderThan(entry: Entry, ttlMs: number): boolean {
    return this.#clock.now() - entry.createdAt > ttlMs
  }
}

/** A copy of its own: a string that was added up keeps its pieces in memory, one that was cut out of another that one. */
function ownCopy(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}
