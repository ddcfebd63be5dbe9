// What most of a site's passwords are stored as, so that an unknown user can be made to cost as much.

import { randomBytes } from 'node:crypto'
import type { Comparison } from './password-scheme.js'
import type { SlowHash } from './slow-hash.js'

type Slow = Extract<Comparison, { kind: 'slow' }>

const KEPT = 32
const FORGET_AT = 1000

/** Before anybody logged in: what Homing itself makes by default. */
const initial: Slow = withoutMatch({ kind: 'sha512-crypt', salt: randomBytes(16), rounds: 5000 }, 511)

export class CommonestHash {
  readonly #seen = new Map<string, { count: number; comparison: Slow | undefined }>()

  /** Counts a value that was just compared. */
  note(comparison: Comparison): void {
    if (comparison.kind !== 'slow' && comparison.kind !== 'cheap') return
    const key = comparison.kind === 'slow' ? costOf(comparison.hash) : 'cheap'
    const entry = this.#seen.get(key)
    if (entry) entry.count++
    else if (this.#seen.size < KEPT) this.#seen.set(key, { count: 1, comparison: templateOf(comparison) })
    if ((entry?.count ?? 0) >= FORGET_AT) this.#forgetHalf()
  }

  /** A hash like most, which nothing matches; undefined where most are compared at once. */
  get(): Slow | undefined {
    const [first, ...others] = this.#seen.values()
    if (!first) return initial
    return others.reduce((most, other) => (other.count > most.count ? other : most), first).comparison
  }

  /** Yesterday's schemes must not outweigh today's for ever. */
  #forgetHalf(): void {
    for (const [key, entry] of this.#seen) {
      entry.count = Math.floor(entry.count / 2)
      if (entry.count === 0) this.#seen.delete(key)
    }
  }
}

const templateOf = (comparison: Comparison): Slow | undefined =>
  comparison.kind === 'slow' ? withoutMatch(comparison.hash, comparison.passwordMax) : undefined

function withoutMatch(hash: SlowHash, passwordMax: number | undefined): Slow {
  return { kind: 'slow', hash, matches: () => false, ...(passwordMax === undefined ? {} : { passwordMax }) }
}

/** Everything but the salt's bytes. */
const costOf = (hash: SlowHash): string => JSON.stringify({ ...hash, salt: hash.salt.length })
