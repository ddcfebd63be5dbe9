// The same question asked while its answer is computed shares it; everybody waits for so long and no longer.

import { hash, randomBytes } from 'node:crypto'
import { TransientMap } from '../model/transient-map.js'

/** After a 503 with `Retry-After: 1` Dovecot asks again within a second (lib-http, 2.3.19 and 2.4.1). */
const KEPT_MS = 2500

export interface Patience<T> {
  /** How long one who asks waits. */
  readonly timeoutMs: number
  /** What he gets who waited so long. */
  late(): T
  /** What he gets whose signal fires. */
  readonly givenUp: T
}

export class SharedVerifications<T> {
  /** By stored value and a digest of the password under a key that nobody knows and nothing keeps. */
  readonly #underWay = new TransientMap<string, Shared<T>>()
  readonly #key = randomBytes(32)
  readonly #patience: Patience<T>

  constructor(patience: Patience<T>) {
    this.#patience = patience
  }

  /**
   * Joins the computation of the same value and password that is under way, or begins one. What nobody waits for any
   * more is given up; if it has begun it goes on, and its result is kept for a moment: a hash that takes longer than its
   * caller waits is there when he asks again, as auth.lua does.
   */
  async run(
    stored: string,
    password: Buffer,
    signal: AbortSignal | undefined,
    begin: () => Computation<T>,
  ): Promise<T> {
    if (signal?.aborted) return this.#patience.givenUp
    // The digest has one length, so that no two pairs give the same text.
    const keyed = Buffer.concat([this.#key, password])
    const key = hash('sha256', keyed, 'base64') + stored
    keyed.fill(0)
    const shared = this.#underWay.get(key) ?? this.#begin(key, begin)
    shared.waiting++
    try {
      return await until(shared.result, signal, this.#patience)
    } finally {
      shared.waiting--
      if (shared.waiting === 0 && shared.giveUp()) this.#end(key, shared)
    }
  }

  #begin(key: string, begin: () => Computation<T>): Shared<T> {
    const shared: Shared<T> = { ...begin(), waiting: 0 }
    this.#underWay.set(key, shared)
    const end = () => this.#end(key, shared)
    const soon = () => void setTimeout(end, KEPT_MS).unref()
    shared.result.then(() => (shared.waiting > 0 ? end() : soon()), end)
    return shared
  }

  #end(key: string, shared: Shared<T>): void {
    if (this.#underWay.get(key) === shared) this.#underWay.delete(key)
  }
}

export interface Computation<T> {
  readonly result: Promise<T>
  /** Ends it if it has not begun yet; returns whether that is so. */
  giveUp(): boolean
}

interface Shared<T> extends Computation<T> {
  waiting: number
}

function until<T>(
  result: Promise<T>,
  signal: AbortSignal | undefined,
  { timeoutMs, late, givenUp }: Patience<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late()), timeoutMs)
    const onAbort = () => resolve(givenUp)
    signal?.addEventListener('abort', onAbort, { once: true })
    const over = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    result.then(resolve, reject).finally(over)
  })
}
