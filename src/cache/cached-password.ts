// What a cached answer knows of its user's password.

import type { Answers } from './answers.js'
import type { Entry } from './entries.js'
import type { Proof } from './password-digests.js'

/** An entry as a login sees it. Once the entry has left the cache this knows nothing and keeps nothing. */
export class CachedPassword {
  readonly #entry: Entry
  readonly #answers: Answers
  readonly #remembers: boolean

  constructor(entry: Entry, answers: Answers, remembers: boolean) {
    this.#entry = entry
    this.#answers = answers
    this.#remembers = remembers
  }

  /** Whether the database must be asked again before this entry's word for "wrong password" counts. */
  get mismatchIsDoubtful(): boolean {
    return this.#answers.mismatchIsDoubtful(this.#entry)
  }

  /** Whether this very password was right for this very stored value before. False says nothing. */
  wasRight(proof: Proof): boolean {
    const entry = this.#entry
    if (entry.gone || entry.digest < 0 || !this.#answers.digests.matches(entry.digest, proof)) return false
    entry.lastSuccess = true
    this.#answers.counts.fastVerifications++
    return true
  }

  /**
   * Notes that this password was found to be right; what it was right for is in the proof. A wrong one needs no note: it
   * makes the database be asked again, and the entry that comes then begins without a success.
   */
  verified(proof: Proof): void {
    const entry = this.#entry
    if (entry.gone) return
    entry.lastSuccess = true
    if (!this.#remembers) return
    if (entry.digest >= 0) this.#answers.digests.wipe(entry.digest)
    entry.digest = this.#answers.digests.keep(proof)
  }
}
