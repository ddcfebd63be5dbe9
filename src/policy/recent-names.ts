// Names of the last minute; the oldest go first when there are many.

const KEPT_MS = 60_000
const MOST = 20_000

export class RecentNames {
  readonly #at = new Map<string, number>()

  add(name: string): void {
    if (name === '') return
    this.#at.delete(name)
    this.#at.set(name, performance.now())
    if (this.#at.size <= MOST) return
    // Half at once: the first entry of a Map is found slowly when many before it were deleted.
    for (const oldest of this.#at.keys()) {
      if (this.#at.size <= MOST / 2) return
      this.#at.delete(oldest)
    }
  }

  /** Whether it is there, and from now on it is not. */
  take(name: string): boolean {
    const isThere = this.has(name)
    this.#at.delete(name)
    return isThere
  }

  has(name: string): boolean {
    const at = this.#at.get(name)
    return at !== undefined && performance.now() - at < KEPT_MS
  }
}
