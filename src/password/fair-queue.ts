// A queue in which users take turns: one account's thousand attempts do not stand before everybody else's first.

import { TransientMap } from '../model/transient-map.js'

interface Entry<T> {
  readonly user: string
  readonly items: T[]
}

export class FairQueue<T> {
  /** In the order in which users are next; a user who was served goes to the end. */
  readonly #users = new TransientMap<string, Entry<T>>()
  /** How many users have n items waiting, at index n: finds the longest without looking at all users. */
  readonly #usersWith: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  get longest(): number {
    return Math.max(0, this.#usersWith.length - 1)
  }

  lengthOf(user: string): number {
    return this.#users.get(user)?.items.length ?? 0
  }

  push(user: string, item: T): void {
    this.#add(user, items => items.push(item))
  }

  /** Puts the item before the user's others and the user before all others. */
  putBack(user: string, item: T): void {
    this.#add(user, items => items.unshift(item))
    const entry = this.#users.get(user)
    const others = [...this.#users].filter(([name]) => name !== user)
    this.#users.clear()
    if (entry) this.#users.set(user, entry)
    for (const [name, other] of others) this.#users.set(name, other)
  }

  /** The first item, of the first `scan` users, that is accepted; only each user's oldest is offered. */
  take(accept: (item: T) => boolean = () => true, scan = Number.POSITIVE_INFINITY): T | undefined {
    let seen = 0
    for (const { user, items } of this.#users.values()) {
      if (seen++ >= scan) return undefined
      const [item] = items
      if (item === undefined || !accept(item)) continue
      this.#changeLength(items, () => items.shift())
      this.#users.delete(user)
      if (items.length > 0) this.#users.set(user, { user, items })
      return item
    }
    return undefined
  }

  /** Whether it was there. */
  remove(user: string, item: T): boolean {
    const items = this.#users.get(user)?.items
    const index = items?.indexOf(item) ?? -1
    if (!items || index < 0) return false
    this.#changeLength(items, () => items.splice(index, 1))
    if (items.length === 0) this.#users.delete(user)
    return true
  }

  /** Takes away the newest item of a user who has the most. */
  dropFromLongest(): T | undefined {
    const longest = this.longest
    for (const { user, items } of this.#users.values()) {
      if (items.length < longest) continue
      const item = items.at(-1)
      if (item !== undefined) this.remove(user, item)
      return item
    }
    return undefined
  }

  #add(user: string, change: (items: T[]) => void): void {
    const entry = this.#users.get(user) ?? { user, items: [] }
    this.#users.set(user, entry)
    this.#changeLength(entry.items, () => change(entry.items))
  }

  #changeLength(items: T[], change: () => void): void {
    const before = items.length
    change()
    this.#size += items.length - before
    this.#count(before, -1)
    this.#count(items.length, 1)
    while (this.#usersWith.length > 0 && !this.#usersWith.at(-1)) this.#usersWith.pop()
  }

  #count(length: number, by: 1 | -1): void {
    if (length > 0) this.#usersWith[length] = (this.#usersWith[length] ?? 0) + by
  }
}
