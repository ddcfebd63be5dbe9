// Cached answers in the order of their last use, never more of them than their bytes allow.

/** One cached answer. The cache alone writes to it. */
export interface Entry {
  readonly user: string
  /** What else is in the key (cache-key.ts). */
  readonly rest: string
  /** The answer as text; the empty text: there is no such user. Dovecot's form (auth-cache.c). */
  readonly value: string
  readonly bytes: number
  /** On the monotonic clock: when the database was asked. */
  readonly createdAt: number
  /** A password was found to be right by this entry, or nobody has given one: a wrong one then means little. */
  lastSuccess: boolean
  /** Where the digest of that password is; -1: there is none. */
  digest: number
  /** It has left the cache; whoever still holds it must not write to it. */
  gone: boolean
  newer: Entry | undefined
  older: Entry | undefined
  /** Another entry of the same user (user-entries.ts). */
  sameUser: Entry | undefined
}

/**
 * What an entry takes beside its text: the object, its place in the map, and the heads of two strings.
 * Measured: `npm run bench -- cache` prints resident bytes beside these.
 */
const OVERHEAD_BYTES = 280

export function entryBytes(...texts: readonly string[]): number {
  let bytes = OVERHEAD_BYTES
  for (const text of texts) bytes += textBytes(text)
  return bytes
}

/** V8 keeps a string with one character beyond Latin-1 in two bytes a character. */
function textBytes(text: string): number {
  return isLatin1(text) ? text.length : 2 * text.length
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false
  return true
}

/** Entries within a bound, the least recently used one first in line to leave. */
export class Entries {
  readonly limitBytes: number
  #newest: Entry | undefined
  #oldest: Entry | undefined
  #size = 0
  #bytes = 0
  #evictions = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#size
  }

  /** How many had to leave for others. */
  get evictions(): number {
    return this.#evictions
  }

  /** The entry was of use: it leaves last. */
  touch(entry: Entry): void {
    if (entry === this.#newest || entry.gone) return
    this.#unlink(entry)
    this.#linkAsNewest(entry)
  }

  /** The one that must leave before `bytes` more have room; undefined: none. It is counted as evicted. */
  evictFor(bytes: number): Entry | undefined {
    if (this.#oldest === undefined || this.#bytes + bytes <= this.limitBytes) return undefined
    this.#evictions++
    return this.#oldest
  }

  add(entry: Entry): void {
    this.#size++
    this.#bytes += entry.bytes
    this.#linkAsNewest(entry)
  }

  remove(entry: Entry): void {
    this.#unlink(entry)
    this.#size--
    this.#bytes -= entry.bytes
    entry.gone = true
  }

  #linkAsNewest(entry: Entry): void {
    entry.older = this.#newest
    entry.newer = undefined
    if (this.#newest !== undefined) this.#newest.newer = entry
    this.#newest = entry
    this.#oldest ??= entry
  }

  #unlink(entry: Entry): void {
    if (entry.newer === undefined) this.#newest = entry.older
    else entry.newer.older = entry.older
    if (entry.older === undefined) this.#oldest = entry.newer
    else entry.older.newer = entry.newer
    entry.newer = undefined
    entry.older = undefined
  }
}
