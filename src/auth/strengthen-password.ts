// A weak hash whose password has just been right is replaced by a harder one: after the answer, and never instead of it.

import type { Clock } from '../model/clock.js'
import type { Password } from '../model/password.js'
import type { Rehash } from '../password/password-verifier.js'
import { withDefaultScheme } from '../password/stored-password.js'
import type { ChainedPassdb } from './chained-passdb.js'

/** What became of one attempt. `reason` and `cause` hold neither the password nor a hash. */
export interface StrengthenEvent {
  readonly passdb: string
  readonly user: string
  /** `not_made`: the new hash could not be computed. `failed`: it could not be written. */
  readonly outcome: 'replaced' | 'changed_meanwhile' | 'not_made' | 'failed'
  readonly reason?: string
  readonly cause?: unknown
}

/** To be told of every password that matched what is stored. Returns at once and never throws. */
export type PasswordMatched = (
  link: Pick<ChainedPassdb, 'name' | 'passdb' | 'defaultPasswordScheme'>,
  user: string,
  stored: string,
  password: Password,
) => void

export interface Strengthening {
  readonly matched: PasswordMatched
  /** Starts nothing more; resolves when nothing is under way, at the latest after `patienceMs`. Never rejects. */
  close(patienceMs: number): Promise<void>
}

export interface StrengtheningOptions {
  readonly rehash: Rehash
  readonly clock: Pick<Clock, 'now'>
  /** Told of every attempt that was not given up because others need the threads. */
  readonly report: (event: StrengthenEvent) => void
}

/** At most so many are made and written at once; the next login of whoever finds no room is another chance. */
const UNDER_WAY = 4
/** A user who was tried is left alone for as long: a cache may go on showing the old hash. */
const USER_PAUSE_MS = 10 * 60_000
/** A passdb that could not be written is left alone for as long, so that its log is not flooded. */
const PASSDB_PAUSE_MS = 60_000
const REMEMBERED = 10_000

export function createStrengthening({ rehash, clock, report }: StrengtheningOptions): Strengthening {
  const underWay = new Set<Promise<void>>()
  const tried = new Pauses()
  const broken = new Pauses()
  let isClosed = false

  const matched: PasswordMatched = (link, user, stored, password) => {
    const { name, passdb, defaultPasswordScheme } = link
    if (isClosed || !passdb.replacePassword || underWay.size >= UNDER_WAY) return
    const key = keyOf(name, user)
    if (broken.has(name, clock.now()) || tried.has(key, clock.now())) return
    if (!rehash.isWeaker(withDefaultScheme(stored, defaultPasswordScheme), password)) return
    tried.add(key, clock.now() + USER_PAUSE_MS)
    const attempt = strengthen(link, user, stored, password)
      .then(event => {
        if (event === 'busy') tried.delete(key)
        else told(event)
      })
      .catch(cause => told({ passdb: name, user, outcome: 'failed', cause }))
      .finally(() => underWay.delete(attempt))
    underWay.add(attempt)
  }

  async function strengthen(
    { name, passdb }: Parameters<PasswordMatched>[0],
    user: string,
    stored: string,
    password: Password,
  ): Promise<StrengthenEvent | 'busy'> {
    const made = await rehash.make(password, { user })
    if ('busy' in made) return 'busy'
    if ('refused' in made) return { passdb: name, user, outcome: 'not_made', reason: made.refused }
    const written = await passdb.replacePassword?.(user, stored, made.stored)
    if (!written) return 'busy'
    return {
      passdb: name,
      user,
      outcome: written.result,
      ...('cause' in written && { cause: written.cause }),
    }
  }

  function told(event: StrengthenEvent): void {
    if (event.outcome === 'failed') {
      broken.add(event.passdb, clock.now() + PASSDB_PAUSE_MS)
      tried.delete(keyOf(event.passdb, event.user))
    }
    report(event)
  }

  return {
    matched,
    async close(patienceMs) {
      isClosed = true
      if (underWay.size === 0) return
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise(resolve => {
        timer = setTimeout(resolve, patienceMs)
      })
      await Promise.race([Promise.all(underWay), patience])
      clearTimeout(timer)
    },
  }
}

const keyOf = (passdb: string, user: string): string => `${passdb}\n${user}`

/** Names that are left alone until a moment; the oldest are forgotten when there are too many. */
class Pauses {
  readonly #until = new Map<string, number>()

  has(name: string, now: number): boolean {
    const until = this.#until.get(name)
    if (until === undefined) return false
    if (until > now) return true
    this.#until.delete(name)
    return false
  }

  add(name: string, until: number): void {
    const [oldest] = this.#until.keys()
    if (oldest !== undefined && this.#until.size >= REMEMBERED) this.#until.delete(oldest)
    this.#until.set(name, until)
  }

  delete(name: string): void {
    this.#until.delete(name)
  }
}
