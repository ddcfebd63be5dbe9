// Cached answers in the order of their last use, never more of them than their bytes allow.

/** One cached answer. The cache alone writes to it. */
export interface Entry {
  readonly key: string
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
}

/**
 * What an entry takes beside its text: the object, its place in the map, and the heads of two strings.
 * Measured: `npm run bench -- cache` prints resident bytes beside these.
 */
const OVERHEAD_BYTES = 320

export function entryBytes(key: string, value: string): number {
  return OVERHEAD_BYTES + textBytes(key) + textBytes(value)
}

/** V8 keeps a string with one character beyond Latin-1 in two bytes a character. */
function textBytes(text: string): number {
  return isLatin1(text) ? text.length : 2 * text.length
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false
  return true
}

/** Entries within a bound. `onGone` is told of every entry that leaves, however it does. */
export class Entries {
  readonly limitBytes: number
  readonly #onGone: (entry: Entry) => void
  readonly #byKey = new Map<string, Entry>()
  #newest: Entry | undefined
  #oldest: Entry | undefined
  #bytes = 0
  #evictions = 0

  constructor(limitBytes: number, onGone: (entry: Entry) => void) {
    this.limitBytes = limitBytes
    this.#onGone = onGone
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#byKey.size
  }

  /** How many had to leave for others. */
  get evictions(): number {
    return this.#evictions
  }

  get(key: string): Entry | undefined {
    return this.#byKey.get(key)
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys()
  }

  /** The entry was of use: it leaves last. */
  touch(entry: Entry): void {
    if (entry === this.#newest || entry.gone) return
    this.#unlink(entry)
    this.#linkAsNewest(entry)
  }

  /**
   * Puts the entry in place of the one with its key, and the least recently used ones out. One that is bigger than
   * everything is not kept; Dovecot throws everybody else out for it.
   */
  insert(entry: Entry): void {
    this.delete(entry.key)
    if (entry.bytes > this.limitBytes) {
      entry.gone = true
      return
    }
    while (this.#oldest !== undefined && this.#bytes + entry.bytes > this.limitBytes) {
      this.delete(this.#oldest.key)
      this.#evictions++
    }
    this.#byKey.set(entry.key, entry)
    this.#bytes += entry.bytes
    this.#linkAsNewest(entry)
  }

  delete(key: string): boolean {
    const entry = this.#byKey.get(key)
    if (entry === undefined) return false
    this.#byKey.delete(key)
    this.#unlink(entry)
    this.#bytes -= entry.bytes
    entry.gone = true
    this.#onGone(entry)
    return true
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
