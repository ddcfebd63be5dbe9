// Those who wait for something that others use: first come, first served, and nobody waits for ever.

interface Waiter<T> {
  give(thing: T): void
  refuse(cause: unknown): void
}

export class WaitingLine<T> {
  readonly #waiters: Waiter<T>[] = []

  get length(): number {
    return this.#waiters.length
  }

  /** Resolves with what is given; rejects with `why()` after `timeoutMs`, or with what all are refused for. */
  wait(timeoutMs: number, why: () => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        const index = this.#waiters.indexOf(waiter)
        if (index >= 0) this.#waiters.splice(index, 1)
      }
      const waiter: Waiter<T> = {
        give: thing => {
          leave()
          resolve(thing)
        },
        refuse: cause => {
          leave()
          reject(cause)
        },
      }
      const timer = setTimeout(() => waiter.refuse(why()), timeoutMs)
      this.#waiters.push(waiter)
    })
  }

  /** Gives it to whoever waits longest; false: nobody waits. */
  give(thing: T): boolean {
    const [first] = this.#waiters
    first?.give(thing)
    return first !== undefined
  }

  refuseAll(cause: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(cause)
  }
}
