// The same question asked by many at the same moment is asked of the database once.

export class Flights<T> {
  readonly #underWay = new Map<string, Promise<T>>()

  /**
   * The answer that is under way for this key, or the one that `ask` gets: everybody shares its end, good or bad.
   * `isCurrent` says, once `ask` has awaited something, whether it was not called back meanwhile.
   */
  join(key: string, ask: (isCurrent: () => boolean) => Promise<T>): Promise<T> {
    const underWay = this.#underWay.get(key)
    if (underWay) return underWay
    const isCurrent = () => this.#underWay.get(key) === answer
    const answer = ask(isCurrent)
    this.#underWay.set(key, answer)
    const land = () => {
      if (isCurrent()) this.#underWay.delete(key)
    }
    answer.then(land, land)
    return answer
  }

  /** Whoever asks from now on joins none of these, and what they bring is too old to be kept. */
  callBack(isMeant: (key: string) => boolean): void {
    for (const key of this.#underWay.keys()) if (isMeant(key)) this.#underWay.delete(key)
  }
}
