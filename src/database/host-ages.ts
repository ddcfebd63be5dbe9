// Which of a database's hosts has read which change: a replica that is behind must not bring back an old password.
// Pure but for what it remembers; mysql-ages.ts asks the hosts.

import type { ChangeRow } from './change-log.js'

/** One round of asking: a host that did not answer is undefined. */
export interface HostAge {
  /** The newest change it has. */
  readonly newest: number
  readonly isReadOnly: boolean
}

/** More changed names than these are not remembered one by one: then everybody counts as changed. */
const NAMES_KEPT = 20_000

export class HostAges {
  readonly #seen: (number | undefined)[]
  readonly #isBehind: boolean[]
  readonly #changed = new Map<string, number>()
  /** The newest change that any host has shown. */
  #newest = 0
  /** Who was changed up to this id is not known by name. */
  #forgotten = 0
  #hasBegun = false

  constructor(hosts: number) {
    this.#seen = new Array(hosts).fill(undefined)
    this.#isBehind = new Array(hosts).fill(false)
  }

  /** All that this knows of is newer than this change; to be read from `asked()`, then `learned()`. */
  get newest(): number {
    return this.#newest
  }

  /** Whether this host lacks what was known to exist before it was last asked. */
  isBehind(host: number): boolean {
    return this.#isBehind[host] === true
  }

  /** Which of these names have changed since what this host has. */
  tooOld(host: number, names: readonly string[]): readonly string[] {
    const seen = this.#seen[host]
    if (!this.#hasBegun || (seen !== undefined && seen >= this.#newest)) return []
    if (seen === undefined || seen < this.#forgotten) return names
    return names.filter(name => (this.#changed.get(name) ?? 0) > seen)
  }

  /**
   * Takes in a round of answers; says from where on, and of which host, the changes are to be read that are new.
   * A server that takes writes and has less than was known is the one that counts, if no other answers: it was restored,
   * or made the primary without the last changes.
   */
  asked(
    round: readonly (HostAge | undefined)[],
  ): { readonly host: number; readonly from: number } | undefined {
    const known = this.#newest
    const answered = round.flatMap(age => (age ? [age.newest] : []))
    if (answered.length === 0) return undefined
    const newest = Math.max(...answered)
    const isReplaced = newest < known && round.some(age => age && !age.isReadOnly)
    for (const [host, age] of round.entries()) {
      if (age) this.#seen[host] = age.newest
      this.#isBehind[host] = age !== undefined && !isReplaced && age.newest < known
    }
    if (isReplaced) {
      this.#changed.clear()
      this.#newest = newest
      this.#forgotten = 0
      return undefined
    }
    if (newest <= known && this.#hasBegun) return undefined
    const oldest = Math.min(...answered)
    return { host: round.findIndex(age => age?.newest === newest), from: this.#hasBegun ? known : oldest }
  }

  /** Takes in the changes after `from`, oldest first; with `isWhole` false there are more than these. */
  learned(from: number, newest: number, rows: readonly ChangeRow[], isWhole: boolean): void {
    if (!this.#hasBegun) this.#forgotten = from
    this.#hasBegun = true
    for (const { id, user, kind } of rows) if (kind !== 'rehash') this.#changed.set(user, id)
    this.#newest = Math.max(this.#newest, newest, rows.at(-1)?.id ?? 0)
    if (!isWhole) this.#forgotten = this.#newest
    this.#forgetWhatAllHave()
  }

  /** One host alone was asked anew, after `known` had been the newest. */
  sawNow(host: number, newest: number, known: number): void {
    this.#seen[host] = newest
    this.#isBehind[host] = newest < known
  }

  #forgetWhatAllHave(): void {
    const all = this.#seen.every(seen => seen !== undefined)
    const oldest = all ? Math.min(...this.#seen.map(Number)) : 0
    for (const [name, id] of this.#changed) {
      if (id <= oldest) this.#changed.delete(name)
      else if (this.#changed.size > NAMES_KEPT) {
        this.#changed.delete(name)
        this.#forgotten = Math.max(this.#forgotten, id)
      }
    }
  }
}
