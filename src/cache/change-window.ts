// Which rows of the change table are news. Pure.
//
// Ids are handed out when a row is written and become visible when its transaction ends: a row may appear below others
// that were read long before. So everything above `from` is read again each time; `from` follows where no id is
// missing, and passes over a missing one (most are of transactions that were undone) when it has been waited for.

import type { ChangeRow } from '../database/change-log.js'

/** A missing id is waited for so long; a transaction of ours ends within ten seconds. */
const PATIENCE_MS = 60_000
/** With more rows than these between `from` and the end, forgetting everything is cheaper than looking at them all. */
const LARGEST_WINDOW = 50_000

export type News =
  | { readonly fresh: readonly ChangeRow[] }
  /** Changes may have been missed, for this reason: everything must count as changed. Begin anew with the newest rows. */
  | { readonly missed: string }

export class ChangeWindow {
  /** The id of a row that was seen; everything before it is settled. 0: there was none. */
  #from = 0
  #newest = 0
  #seen = new Map<number, string>()
  #marks: { readonly at: number; readonly id: number }[] = []

  /**
   * Begins with the newest rows: none of them is news, and none before them can become any. `areAll`: there is none before
   * them yet, and one that is being written may still come there.
   */
  constructor(newestRows: readonly ChangeRow[], now: number, areAll = false) {
    this.#from = areAll ? 0 : (newestRows[0]?.id ?? 0)
    this.#remember(newestRows, now)
  }

  /** Read from this id on, it included: if it is gone, so may be others. */
  get from(): number {
    return this.#from
  }

  /** Takes in all rows from `from` on, in their order. */
  take(rows: readonly ChangeRow[], now: number): News {
    if (this.#from > 0 && rows[0]?.id !== this.#from) {
      return { missed: 'changes that were not read yet are gone, or the database is an older one' }
    }
    if ((rows.at(-1)?.id ?? 0) < this.#newest) return { missed: 'the database is an older one than before' }
    if (rows.length > LARGEST_WINDOW) return { missed: 'there are too many changes to look at each' }
    const fresh = rows.filter(row => this.#seen.get(row.id) !== textOf(row))
    this.#remember(fresh, now)
    return { fresh }
  }

  #remember(rows: readonly ChangeRow[], now: number): void {
    for (const row of rows) {
      this.#seen.set(row.id, textOf(row))
      this.#newest = Math.max(this.#newest, row.id)
    }
    if (this.#marks.at(-1)?.id !== this.#newest) this.#marks.push({ at: now, id: this.#newest })
    this.#follow(now)
  }

  #follow(now: number): void {
    let from = this.#from
    while ((this.#marks[0]?.at ?? Number.POSITIVE_INFINITY) <= now - PATIENCE_MS) {
      from = Math.max(from, this.#marks.shift()?.id ?? 0)
    }
    while (this.#seen.has(from + 1)) from++
    if (from === this.#from) return
    if (from === this.#newest) {
      const last = this.#seen.get(from) ?? ''
      this.#seen = new Map([[from, last]])
      this.#marks = []
    } else {
      for (const id of this.#seen.keys()) if (id < from) this.#seen.delete(id)
    }
    this.#from = from
  }
}

/** The same id with another text is another row: ids come back when a database is restored. */
function textOf({ user, kind }: ChangeRow): string {
  return `${kind} ${user}`
}
