// A Map of bounded size that forgets what was not used for long: two generations, of which the older goes as a whole.
//
// Not one Map in the order of use: V8 keeps what was deleted in its chains until it makes the table anew, so that an entry
// which is taken out and put in again with every use, as that of a user under attack, is soon found a hundred times slower
// than others (measured on Node 20.20: 60 µs).

export class Generations<K, V> {
  readonly #limitBytes: number
  readonly #bytesOf: (key: K, value: V) => number
  #young = new Map<K, V>()
  #old = new Map<K, V>()
  #youngBytes = 0
  #oldBytes = 0

  constructor(limitBytes: number, bytesOf: (key: K, value: V) => number) {
    this.#limitBytes = limitBytes
    this.#bytesOf = bytesOf
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get bytes(): number {
    return this.#youngBytes + this.#oldBytes
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  *keys(): Iterable<K> {
    yield* this.#young.keys()
    yield* this.#old.keys()
  }

  /** There from now on, and among the last to be forgotten. */
  set(key: K, value: V): void {
    this.delete(key)
    this.#young.set(key, value)
    this.#youngBytes += this.#bytesOf(key, value)
    this.#age()
  }

  /** What is there, now among the last to be forgotten. */
  use(key: K): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  /** Changes a value that takes more or less room afterwards. */
  change(key: K, value: V, change: (value: V) => void): void {
    const before = this.#bytesOf(key, value)
    change(value)
    const more = this.#bytesOf(key, value) - before
    if (this.#young.has(key)) this.#youngBytes += more
    else this.#oldBytes += more
    this.#age()
  }

  delete(key: K): void {
    const young = this.#young.get(key)
    const old = this.#old.get(key)
    if (young !== undefined && this.#young.delete(key)) this.#youngBytes -= this.#bytesOf(key, young)
    if (old !== undefined && this.#old.delete(key)) this.#oldBytes -= this.#bytesOf(key, old)
  }

  #age(): void {
    if (this.#youngBytes <= this.#limitBytes / 2) return
    this.#old = this.#young
    this.#oldBytes = this.#youngBytes
    this.#young = new Map()
    this.#youngBytes = 0
  }
}
