// The same question asked by many at the same moment is asked of the database once.

import { TransientMap } from '../model/transient-map.js'
import type { CacheKey } from './cache-key.js'

interface Flight<T> {
  readonly user: string
  readonly answer: Promise<T>
}

export interface Joined<T> {
  readonly answer: Promise<T>
  /** It was under way before: what was changed until now need not be in it. */
  readonly isOlder: boolean
}

export class Flights<T> {
  readonly #underWay = new TransientMap<string, Flight<T>>()

  /**
   * The answer that is under way for this key, or the one that `ask` gets: everybody shares its end, good or bad.
   * `isCurrent` says, once `ask` has awaited something, whether it was not called back meanwhile.
   */
  join({ user, rest }: CacheKey, ask: (isCurrent: () => boolean) => Promise<T>): Joined<T> {
    const key = `${user.length}:${user}${rest}`
    const underWay = this.#underWay.get(key)
    if (underWay) return { answer: underWay.answer, isOlder: true }
    const isCurrent = () => this.#underWay.get(key) === flight
    const flight: Flight<T> = { user, answer: ask(isCurrent) }
    this.#underWay.set(key, flight)
    const land = () => {
      if (isCurrent()) this.#underWay.delete(key)
    }
    flight.answer.then(land, land)
    return { answer: flight.answer, isOlder: false }
  }

  /** Whoever asks from now on joins none of these, and what they bring is too old to be kept. */
  callBack(isMeant: (user: string) => boolean): void {
    for (const [key, { user }] of this.#underWay) if (isMeant(user)) this.#underWay.delete(key)
  }
}
