// The members of one group, each with the second when it came last: a few in a short list, many in a table.

/** So many are looked through faster than looked up. */
const MOST_IN_LIST = 8

export class Members {
  /** Member, second, member, second … */
  #list: number[] = []
  #table: Map<number, number> | undefined

  get size(): number {
    return this.#table?.size ?? this.#list.length / 2
  }

  has(member: number): boolean {
    return this.#table ? this.#table.has(member) : this.#placeOf(member) >= 0
  }

  /** When it came last; undefined: it is no member. */
  at(member: number): number | undefined {
    if (this.#table) return this.#table.get(member)
    const place = this.#placeOf(member)
    return place < 0 ? undefined : this.#list[place + 1]
  }

  /** Now it came last at this second. */
  set(member: number, second: number): void {
    if (this.#table) {
      this.#table.set(member, second)
      return
    }
    const place = this.#placeOf(member)
    if (place >= 0) this.#list[place + 1] = second
    else if (this.size < MOST_IN_LIST) this.#list.push(member, second)
    else this.#table = this.#asTable().set(member, second)
  }

  delete(member: number): void {
    if (this.#table) this.#table.delete(member)
    else {
      const place = this.#placeOf(member)
      if (place >= 0) this.#list.splice(place, 2)
    }
  }

  /** Without those that came last at this second or before. */
  dropUntil(second: number): void {
    if (this.#table) {
      for (const [member, at] of this.#table) if (at <= second) this.#table.delete(member)
      if (this.#table.size > MOST_IN_LIST / 2) return
      this.#list = [...this.#table].flat()
      this.#table = undefined
      return
    }
    const kept = this.#list.filter((_, i) => (this.#list[i - (i % 2) + 1] ?? 0) > second)
    if (kept.length < this.#list.length) this.#list = kept
  }

  /** What they take, by the sizes that V8 gives arrays and Maps of small integers (test/unit/policy/memory.test.ts). */
  get bytes(): number {
    if (!this.#table) return this.#list.length === 0 ? 0 : LIST_BYTES
    return TABLE_BYTES + SLOT_BYTES * 2 ** Math.ceil(Math.log2(this.#table.size + 1))
  }

  #placeOf(member: number): number {
    for (let i = 0; i < this.#list.length; i += 2) if (this.#list[i] === member) return i
    return -1
  }

  #asTable(): Map<number, number> {
    const table = new Map<number, number>()
    for (let i = 0; i < this.#list.length; i += 2) table.set(this.#list[i] ?? 0, this.#list[i + 1] ?? 0)
    this.#list = []
    return table
  }
}

const LIST_BYTES = 170
const TABLE_BYTES = 200
const SLOT_BYTES = 28
