// The same question asked twice at the same moment is computed once.

import { sameBytes } from './same-bytes.js'

/** What is under way, by stored value and password. A password is never part of a key. */
export class SharedVerifications<T> {
  readonly #underWay = new Map<string, Shared<T>[]>()

  /**
   * Joins the computation of the same value and password that is under way, or begins one. It is given up when
   * nobody waits any more; one who gives up early gets `givenUp`.
   */
  async run(
    stored: string,
    password: Buffer,
    signal: AbortSignal | undefined,
    givenUp: T,
    compute: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted) return givenUp
    const shared = this.#find(stored, password) ?? this.#begin(stored, password, compute)
    shared.waiting++
    try {
      return await until(shared.result, signal, givenUp)
    } finally {
      shared.waiting--
      if (shared.waiting === 0) {
        this.#forget(stored, shared)
        shared.abort.abort()
      }
    }
  }

  #find(stored: string, password: Buffer): Shared<T> | undefined {
    return this.#underWay.get(stored)?.find(shared => sameBytes(shared.password, password))
  }

  #begin(stored: string, password: Buffer, compute: (signal: AbortSignal) => Promise<T>): Shared<T> {
    const abort = new AbortController()
    const shared: Shared<T> = { password, abort, waiting: 0, result: compute(abort.signal) }
    this.#underWay.set(stored, [...(this.#underWay.get(stored) ?? []), shared])
    return shared
  }

  #forget(stored: string, shared: Shared<T>): void {
    const others = this.#underWay.get(stored)?.filter(other => other !== shared) ?? []
    if (others.length > 0) this.#underWay.set(stored, others)
    else this.#underWay.delete(stored)
  }
}

interface Shared<T> {
  readonly password: Buffer
  readonly abort: AbortController
  readonly result: Promise<T>
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
