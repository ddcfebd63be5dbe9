// What most of a site's passwords are stored as, so that an unknown user can be made to cost as much.

import { randomBytes } from 'node:crypto'
import type { Comparison } from './password-scheme.js'
import { generateShaCrypt } from './sha-crypt.js'
import type { SlowHash } from './slow-hash.js'

const KEPT = 32
const FORGET_AT = 1000

/** Before anybody logged in: what Homing itself makes by default, of no password. */
function initial(): string {
  const made = generateShaCrypt('sha512', { randomBytes })
  return made.kind === 'slow' ? `{SHA512-CRYPT}${made.raw(randomBytes(64))}` : ''
}

export class CommonestHash {
  readonly #initial = initial()
  readonly #seen = new Map<string, { count: number; stored: string | undefined }>()

  /** Counts a value that is about to be compared. */
  note(stored: string, comparison: Comparison): void {
    const key = keyOf(comparison)
    if (key === undefined) return
    const entry = this.#seen.get(key)
    if (entry) entry.count++
    else if (this.#seen.size < KEPT)
      this.#seen.set(key, { count: 1, stored: comparison.kind === 'slow' ? stored : undefined })
    if ((entry?.count ?? 0) >= FORGET_AT) this.#forgetHalf()
  }

  /** Takes as long as `note` and counts nothing. */
  pass(comparison: Comparison): void {
    this.#seen.get(keyOf(comparison) ?? '')
  }

  /** One of the site's values that costs what most do; undefined where most are compared at once. */
  get(): string | undefined {
    const [first, ...others] = this.#seen.values()
    if (!first) return this.#initial
    return others.reduce((most, other) => (other.count > most.count ? other : most), first).stored
  }

  /** Yesterday's schemes must not outweigh today's for ever. */
  #forgetHalf(): void {
    for (const [key, entry] of this.#seen) {
      entry.count = Math.floor(entry.count / 2)
      if (entry.count === 0) this.#seen.delete(key)
    }
  }
}

/** What costs the same has the same key; undefined for what is not compared at all. */
function keyOf(comparison: Comparison): string | undefined {
  if (comparison.kind === 'slow') return costOf(comparison.hash)
  return comparison.kind === 'cheap' ? 'cheap' : undefined
}

/** Everything but the salt's bytes. */
const costOf = (hash: SlowHash): string => JSON.stringify({ ...hash, salt: hash.salt.length })
