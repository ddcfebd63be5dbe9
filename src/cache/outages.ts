// Which databases did not answer a moment ago, so that not everybody has to wait for a dead one.

import type { Refusal } from '../model/passdb.js'

export type Outage = Refusal<'internal_failure'> & { readonly cause: unknown }

/** While a database is down, one question in this time is still asked, to learn that it is back. */
const PROBE_INTERVAL_MS = 1000

export class Outages {
  readonly #byName = new Map<string, { failure: Outage; probedAt: number }>()

  /** Why asking is in vain; undefined: ask. Of those who come while it is down, one a second is told to ask. */
  standing(name: string, now: number): Outage | undefined {
    const outage = this.#byName.get(name)
    if (outage === undefined) return undefined
    if (now - outage.probedAt < PROBE_INTERVAL_MS) return outage.failure
    outage.probedAt = now
    return undefined
  }

  failed(name: string, failure: Outage, now: number): void {
    this.#byName.set(name, { failure, probedAt: now })
  }

  answered(name: string): void {
    this.#byName.delete(name)
  }
}
