// The same question asked twice at the same moment is computed once.

import { createHmac, randomBytes } from 'node:crypto'

export class SharedVerifications<T> {
  /** By stored value and a digest of the password under a key that nobody knows and nothing keeps. */
  readonly #underWay = new Map<string, Shared<T>>()
  readonly #key = randomBytes(32)

  /**
   * Joins the computation of the same value and password that is under way, or begins one. It is given up when
   * nobody waits any more; one who gives up early gets `givenUp`.
   */
  async run(
    stored: string,
    password: Buffer,
    signal: AbortSignal | undefined,
    givenUp: T,
    begin: () => Computation<T>,
  ): Promise<T> {
    if (signal?.aborted) return givenUp
    // The digest has one length, so that no two pairs give the same text.
    const key = createHmac('sha256', this.#key).update(password).digest('base64') + stored
    const shared = this.#underWay.get(key) ?? this.#begin(key, begin)
    shared.waiting++
    try {
      return await until(shared.result, signal, givenUp)
    } finally {
      shared.waiting--
      if (shared.waiting === 0) this.#end(key, shared)
    }
  }

  #begin(key: string, begin: () => Computation<T>): Shared<T> {
    const shared: Shared<T> = { ...begin(), waiting: 0 }
    this.#underWay.set(key, shared)
    return shared
  }

  #end(key: string, shared: Shared<T>): void {
    if (this.#underWay.get(key) === shared) this.#underWay.delete(key)
    shared.giveUp()
  }
}

/** Under way: `giveUp` ends it if it has not ended by itself. */
export interface Computation<T> {
  readonly result: Promise<T>
  giveUp(): void
}

interface Shared<T> extends Computation<T> {
  waiting: number
}

function until<T>(result: Promise<T>, signal: AbortSignal | undefined, givenUp: T): Promise<T> {
  if (!signal) return result
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(givenUp)
    signal.addEventListener('abort', onAbort, { once: true })
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
