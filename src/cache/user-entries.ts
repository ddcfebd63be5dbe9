// Finds cached answers, all of one user together: what is changed about a user is forgotten without looking at anybody else.

import type { CacheKey } from './cache-key.js'
import type { Entry } from './entries.js'

/** A user with more entries than these (one for each address, say) gets a map; walking through them would take too long. */
const LONGEST_CHAIN = 8

/** The first entry of a chain, or all of them by the rest of their key. */
type OneUser = Entry | Map<string, Entry>

export class UserEntries {
  readonly #byUser = new Map<string, OneUser>()

  get({ user, rest }: CacheKey): Entry | undefined {
    const found = this.#byUser.get(user)
    if (found === undefined) return undefined
    if (found instanceof Map) return found.get(rest)
    let entry: Entry | undefined = found
    while (entry !== undefined && entry.rest !== rest) entry = entry.sameUser
    return entry
  }

  users(): IterableIterator<string> {
    return this.#byUser.keys()
  }

  of(user: string): Entry[] {
    const found = this.#byUser.get(user)
    if (found instanceof Map) return [...found.values()]
    const entries: Entry[] = []
    for (let entry = found; entry !== undefined; entry = entry.sameUser) entries.push(entry)
    return entries
  }

  /** There must be none with its key. */
  add(entry: Entry): void {
    const found = this.#byUser.get(entry.user)
    if (found instanceof Map) {
      found.set(entry.rest, entry)
      return
    }
    const others = found === undefined ? [] : this.of(entry.user)
    if (others.length < LONGEST_CHAIN) {
      entry.sameUser = found
      this.#byUser.set(entry.user, entry)
      return
    }
    for (const other of others) other.sameUser = undefined
    this.#byUser.set(entry.user, new Map([...others, entry].map(one => [one.rest, one])))
  }

  remove(entry: Entry): void {
    const found = this.#byUser.get(entry.user)
    if (found instanceof Map) {
      found.delete(entry.rest)
      if (found.size === 0) this.#byUser.delete(entry.user)
    } else if (found === entry) {
      if (entry.sameUser === undefined) this.#byUser.delete(entry.user)
      else this.#byUser.set(entry.user, entry.sameUser)
    } else {
      let before = found
      while (before !== undefined && before.sameUser !== entry) before = before.sameUser
      if (before !== undefined) before.sameUser = entry.sameUser
    }
    entry.sameUser = undefined
  }
}
