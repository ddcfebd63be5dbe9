// A Map for what comes and goes: with every login an entry, which is gone a moment later.

/** As many entries may have gone before the Map behind it is replaced. */
const GONE_AT_MOST = 32

/**
 * A Map, in the order in which entries came. V8 links each table that a Map has outgrown, or filled with deleted entries,
 * to the one that follows it (OrderedHashTable::Rehash, V8 11.3). Once one of them has become old, the young collector takes
 * all that follow it for alive, with everything that was ever in them: it copies what a thousand logins have left behind,
 * and stops the event loop for as long. Here the Map is replaced by a new one, to which no old one leads, before much has
 * gone. An iteration goes on over what was there when the Map was replaced: whoever deletes meanwhile asks `has`.
 */
export class TransientMap<K, V> {
  #map = new Map<K, V>()
  #gone = 0

  get size(): number {
    return this.#map.size
  }

  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  has(key: K): boolean {
    return this.#map.has(key)
  }

  set(key: K, value: V): void {
    this.#map.set(key, value)
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false
    this.#gone++
    if (this.#gone >= GONE_AT_MOST && this.#gone >= this.#map.size) {
      this.#map = new Map(this.#map)
      this.#gone = 0
    }
    return true
  }

  clear(): void {
    this.#map = new Map()
    this.#gone = 0
  }

  keys(): IterableIterator<K> {
    return this.#map.keys()
  }

  values(): IterableIterator<V> {
    return this.#map.values()
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#map[Symbol.iterator]()
  }
}
