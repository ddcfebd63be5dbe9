// Counts stored passwords by what they are. Its memory grows with domains and kinds of hashes, not with accounts.

import { compareStrength, type HashStrength } from '../password/hash-strength.js'

export interface CountedHash {
  readonly domain: string
  readonly scheme: string
  readonly cost: string
  accounts: number
}

export interface WeakAccount {
  readonly table: string
  readonly user: string
  readonly scheme: string
  readonly cost: string
}

/** The hashes of one table, by domain. */
export class HashCensus {
  readonly #kinds = new Map<
    string,
    { readonly counted: CountedHash; readonly strength: HashStrength | undefined }
  >()

  /** Without a strength: no password is stored, or it cannot be read; `scheme` says which. */
  count(domain: string, strength: HashStrength | 'no password' | 'unreadable'): void {
    const { scheme, cost } = typeof strength === 'string' ? { scheme: strength, cost: '' } : strength
    const key = JSON.stringify([domain, scheme, cost])
    const kind = this.#kinds.get(key)
    if (kind) kind.counted.accounts++
    else {
      const counted = { domain, scheme, cost, accounts: 1 }
      this.#kinds.set(key, { counted, strength: typeof strength === 'string' ? undefined : strength })
    }
  }

  /** By domain, and in each the weakest first; what says nothing of strength last. */
  get kinds(): readonly CountedHash[] {
    return [...this.#kinds.values()]
      .sort(
        (a, b) =>
          compareText(a.counted.domain, b.counted.domain) ||
          weakestFirst(a.strength, b.strength) ||
          compareText(a.counted.scheme, b.counted.scheme),
      )
      .map(({ counted }) => counted)
  }
}

/** The weakest accounts of all that it was shown, the weakest first; of equals those shown first. */
export class WeakestAccounts {
  readonly #limit: number
  readonly #kept: { readonly account: WeakAccount; readonly strength: HashStrength }[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  see(table: string, user: string, strength: HashStrength): void {
    const last = this.#kept.at(-1)
    if (this.#limit === 0) return
    if (this.#kept.length >= this.#limit && last && compareStrength(strength, last.strength) >= 0) return
    const { scheme, cost } = strength
    this.#kept.splice(this.#placeOf(strength), 0, { account: { table, user, scheme, cost }, strength })
    if (this.#kept.length > this.#limit) this.#kept.pop()
  }

  get accounts(): readonly WeakAccount[] {
    return this.#kept.map(({ account }) => account)
  }

  /** Behind all that are as weak or weaker. */
  #placeOf(strength: HashStrength): number {
    let from = 0
    let to = this.#kept.length
    while (from < to) {
      const middle = (from + to) >> 1
      const there = this.#kept[middle]
      if (there && compareStrength(there.strength, strength) <= 0) from = middle + 1
      else to = middle
    }
    return from
  }
}

function weakestFirst(a: HashStrength | undefined, b: HashStrength | undefined): number {
  if (!a || !b) return Number(!a) - Number(!b)
  return compareStrength(a, b)
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
