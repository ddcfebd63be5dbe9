// One copy's cache among those of the others: it hears what was changed, from the change tables and over the bus, and
// answers what it is asked.

import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { ChangeLog, ChangeRow } from '../database/change-log.js'
import { BEAT_MS, type Copies, type CopyAnswer } from '../database/copies.js'
import type { Clock } from '../model/clock.js'
import type { StateStore } from '../state/state-store.js'
import { announceChanges } from './announce-changes.js'
import type { AuthCache } from './auth-cache.js'
import { type BusMessage, CHANGES_CHANNEL, parseBusMessage } from './bus-message.js'
import { type ChangeFollower, followChanges } from './change-follower.js'

export interface SharedCacheOptions {
  readonly cache: AuthCache
  /** Of every database that the cache holds something of; the first is that of the service: requests stand there. */
  readonly logs: readonly [ChangeLog, ...ChangeLog[]]
  readonly copies: Copies
  readonly state: StateStore
  readonly clock: Pick<Clock, 'now'>
  readonly pollIntervalMs: number
  readonly warn: (message: string) => void
}

export interface SharedCache {
  /** This copy among the others. */
  readonly name: string
  /** Resolves when the others know of it and the changes have been read, or that cannot be had within a second. */
  readonly ready: Promise<unknown>
  /** To be told of every change that this process has committed. */
  changed(users: readonly string[]): void
  /** For how long changes have not been read from every database; undefined: they never were. */
  behindMs(): number | undefined
  close(): Promise<void>
}

/** How long a start and an end may take for the sake of the others: nobody waits for a database that is down. */
const READY_MS = 1000
const GOODBYE_MS = 1000

export function shareCache(options: SharedCacheOptions): SharedCache {
  const { cache, logs, copies, state, clock, pollIntervalMs, warn } = options
  const name = `${hostname()}/${process.pid}/${randomBytes(3).toString('hex')}`
  let isClosed = false
  let cannotAnswer = false

  const followers = logs.map((log, at) => follow(log, at === 0))
  const [main] = followers
  const unsubscribe = state.isShared
    ? state.subscribe(CHANGES_CHANNEL, {
        heard: text => hear(parseBusMessage(text)),
        // What was told meanwhile stands in the tables; where there are none, all may have changed.
        connected: () => {
          for (const follower of followers) if (follower.lookedAt() === undefined) cache.flush()
          lookEverywhere()
        },
      })
    : () => {}
  const beat = () => tell(copies.beat(name))
  const beating = setInterval(beat, BEAT_MS).unref()
  const first = beat()

  function follow(log: ChangeLog, isMain: boolean): ChangeFollower {
    return followChanges({
      log,
      clock,
      intervalMs: pollIntervalMs,
      warn,
      missed: () => cache.flush(),
      news: rows => {
        cache.forgetUsers(rows.filter(({ kind }) => !requests.has(kind)).map(({ user }) => user))
        if (isMain) answer(rows.filter(({ kind }) => requests.has(kind)))
      },
    })
  }

  function hear({ users, masks, look }: BusMessage): void {
    cache.forgetUsers(users)
    if (masks.length > 0) cache.flush(masks.includes('') ? undefined : masks)
    if (look) void main?.look()
  }

  function lookEverywhere(): void {
    for (const follower of followers) void follower.look()
  }

  function answer(rows: readonly ChangeRow[]): void {
    if (rows.length === 0) return
    const answers = rows.map(
      (row): CopyAnswer => ({ request: row.id, copy: name, answer: JSON.stringify(done(row)) }),
    )
    void tell(copies.answer(answers))
  }

  function done({ kind, user }: ChangeRow): object {
    if (kind === 'flush') return { entries: cache.flush(user === '' ? undefined : [user]) }
    const stats = cache.statsSinceReset()
    if (kind === 'reset') cache.resetStats()
    return { stats }
  }

  /** A copy whose database user may only read serves all the same; nobody waits for it then. */
  async function tell(telling: Promise<unknown>): Promise<void> {
    try {
      await telling
      cannotAnswer = false
    } catch (cause) {
      if (cannotAnswer || isClosed) return
      cannotAnswer = true
      warn(
        `the other copies cannot be told that this one runs, so \`homing cache\` does not wait for it: ${(cause as Error).message}`,
      )
    }
  }

  return {
    name,
    ready: Promise.race([
      Promise.all([first, ...followers.map(follower => follower.look())]),
      later(READY_MS),
    ]),
    changed: users => {
      cache.forgetUsers(users)
      void announceChanges(state, users)
    },
    behindMs: () => {
      const lookedAt = followers.map(follower => follower.lookedAt())
      if (lookedAt.includes(undefined)) return undefined
      return clock.now() - Math.min(...lookedAt.map(Number))
    },
    close: async () => {
      isClosed = true
      clearInterval(beating)
      unsubscribe()
      for (const follower of followers) follower.stop()
      const goodbye = first.then(() => copies.leave(name)).catch(() => {})
      await Promise.race([goodbye, later(GOODBYE_MS)])
    },
  }
}

const later = (ms: number) => new Promise(resolve => setTimeout(resolve, ms).unref())

const requests: ReadonlySet<string> = new Set(['flush', 'status', 'reset'])
