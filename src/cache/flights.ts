// The same question asked by many at the same moment is asked of the database once.

import { TransientMap } from '../model/transient-map.js'
import type { CacheKey } from './cache-key.js'

interface Flight<T> {
  readonly user: string
  readonly answer: Promise<T>
}

export class Flights<T> {
  readonly #underWay = new TransientMap<string, Flight<T>>()

  /**
   * The answer that is under way for this key, or the one that `ask` gets: everybody shares its end, good or bad.
   * `isCurrent` says, once `ask` has awaited something, whether it was not called back meanwhile.
   */
  join({ user, rest }: CacheKey, ask: (isCurrent: () => boolean) => Promise<T>): Promise<T> {
    const key = `${user.length}:${user}${rest}`
    const underWay = this.#underWay.get(key)
    if (underWay) return underWay.answer
    const isCurrent = () => this.#underWay.get(key) === flight
    const flight: Flight<T> = { user, answer: ask(isCurrent) }
    this.#underWay.set(key, flight)
    const land = () => {
      if (isCurrent()) this.#underWay.delete(key)
    }
    flight.answer.then(land, land)
    return flight.answer
  }

  /** Whoever asks from now on joins none of these, and what they bring is too old to be kept. */
  callBack(isMeant: (user: string) => boolean): void {
    for (const [key, { user }] of this.#underWay) if (isMeant(user)) this.#underWay.delete(key)
  }
}
