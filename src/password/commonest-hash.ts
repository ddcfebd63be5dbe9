// What most of a site's passwords are stored as, so that an unknown user can be made to cost as much.

import { hash, randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../model/clock.js'
import { TransientMap } from '../model/transient-map.js'
import type { Comparison } from './password-scheme.js'
import { generateShaCrypt } from './sha-crypt.js'
import type { SlowHash } from './slow-hash.js'

const KEPT = 1000
/** Last week's schemes must not outweigh today's for ever. */
const KEPT_MS = 7 * 86_400_000

/** Before anybody logged in: what Homing itself makes by default, of no password. */
function initial(): string {
  const made = generateShaCrypt('sha512', { randomBytes })
  return made.kind === 'slow' ? `{SHA512-CRYPT}${made.raw(randomBytes(64))}` : ''
}

export class CommonestHash {
  readonly #initial = initial()
  /** The stored values that were compared last, each once, by a digest under a key that nothing keeps; the newest is last. */
  readonly #values = new TransientMap<string, { readonly cost: string; readonly at: number }>()
  readonly #costs = new Map<string, { count: number; readonly stored: string | undefined }>()
  readonly #key = randomBytes(32).toString('base64')
  readonly #clock: Pick<Clock, 'now'>

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock
  }

  /**
   * Counts a value that was compared. However often somebody tries a password of one account, it is one: what an unknown
   * user costs is nobody's choice.
   */
  note(stored: string, comparison: Comparison): void {
    const cost = keyOf(comparison)
    if (cost === undefined) return
    const value = this.#digestOf(stored)
    this.#add(cost, comparison.kind === 'slow' ? stored : undefined)
    this.#forget(value)
    const at = this.#clock.now()
    this.#values.set(value, { cost, at })
    for (const [oldest, seen] of this.#values) {
      if (this.#values.size <= KEPT && at - seen.at < KEPT_MS) break
      this.#forget(oldest)
    }
  }

  /** Takes as long as `note` and counts nothing. */
  pass(stored: string, comparison: Comparison): void {
    this.#costs.get(keyOf(comparison) ?? '')
    this.#values.get(this.#digestOf(stored))
  }

  /** One of the site's values that costs what most do; undefined where most are compared at once. */
  get(): string | undefined {
    const [first, ...others] = this.#costs.values()
    if (!first) return this.#initial
    return others.reduce((most, other) => (other.count > most.count ? other : most), first).stored
  }

  #add(cost: string, stored: string | undefined): void {
    const entry = this.#costs.get(cost)
    if (entry) entry.count++
    else this.#costs.set(cost, { count: 1, stored })
  }

  #forget(value: string): void {
    const cost = this.#values.get(value)?.cost
    const entry = cost === undefined ? undefined : this.#costs.get(cost)
    if (cost === undefined || !entry) return
    this.#values.delete(value)
    entry.count--
    if (entry.count === 0) this.#costs.delete(cost)
  }

  #digestOf(stored: string): string {
    return hash('sha256', this.#key + stored, 'base64')
  }
}

/** What costs the same has the same key; undefined for what is not compared at all. */
function keyOf(comparison: Comparison): string | undefined {
  if (comparison.kind === 'slow') return costOf(comparison.hash)
  return comparison.kind === 'cheap' ? 'cheap' : undefined
}

/** Everything but the salt's bytes. */
const costOf = (slow: SlowHash): string => JSON.stringify({ ...slow, salt: slow.salt.length })
