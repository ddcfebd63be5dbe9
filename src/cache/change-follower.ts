// Reads the change table of one database again and again, so that nothing that was changed stays in the cache.

import type { ChangeLog, ChangeRow, ChangesRead } from '../database/change-log.js'
import type { Clock } from '../model/clock.js'
import { ChangeWindow } from './change-window.js'

export interface FollowerOptions {
  readonly log: ChangeLog
  readonly clock: Pick<Clock, 'now'>
  readonly intervalMs: number
  /** What is new, in order. */
  readonly news: (rows: readonly ChangeRow[]) => void
  /** Something may have been missed: everything counts as changed. */
  readonly missed: (why: string) => void
  readonly warn: (message: string) => void
}

export interface ChangeFollower {
  /** Reads at once, whatever the interval; resolves when that is done. Never rejects. */
  look(): Promise<void>
  /** When it last read the changes; undefined: it has not yet. On the clock. */
  lookedAt(): number | undefined
  stop(): void
}

/** While one transaction is under way others may write so many: an import is in steps of some hundred. */
const FIRST_ROWS = 2000
const PAGE_ROWS = 5000
/** A table that is missing or closed to us is looked for less often. */
const ABSENT_PAUSE_MS = 30_000

/** Begins at once; whatever is in the cache before the first look is forgotten then. */
export function followChanges(options: FollowerOptions): ChangeFollower {
  const { log, clock, intervalMs, news, missed, warn } = options
  let window: ChangeWindow | undefined
  let lookedAt: number | undefined
  let absentUntil = 0
  let hasComplained = false
  let isStopped = false
  let looking: Promise<void> | undefined
  let again: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  const look = async () => {
    clearTimeout(timer)
    if (clock.now() >= absentUntil) await (window ? goOn(window) : begin('it is followed from now on'))
    if (!isStopped) timer = setTimeout(lookOnce, intervalMs).unref()
  }
  /** One look at a time; who comes during one gets the next, which sees what was there when he came. */
  const lookOnce = (): Promise<void> => {
    if (isStopped) return Promise.resolve()
    if (looking) {
      again ??= looking.then(() => {
        again = undefined
        return lookOnce()
      })
      return again
    }
    looking = look().finally(() => {
      looking = undefined
    })
    return looking
  }

  async function begin(why: string): Promise<void> {
    const startedAt = clock.now()
    const read = await log.newest(FIRST_ROWS)
    if (isStopped || read.result !== 'rows') return complain(read)
    // In this order: what is read again after the flush is at least as new as the rows.
    window = new ChangeWindow(read.rows, clock.now(), read.rows.length < FIRST_ROWS)
    missed(why)
    done(startedAt)
  }

  async function goOn(current: ChangeWindow): Promise<void> {
    const startedAt = clock.now()
    const rows: ChangeRow[] = []
    for (;;) {
      const read = await log.from((rows.at(-1)?.id ?? current.from - 1) + 1, PAGE_ROWS)
      if (isStopped || read.result !== 'rows') return complain(read)
      for (const row of read.rows) rows.push(row)
      if (read.rows.length < PAGE_ROWS) break
    }
    const found = current.take(rows, clock.now())
    if ('missed' in found) {
      warn(`${log.name}: ${found.missed}: the auth cache is flushed`)
      return begin(found.missed)
    }
    if (found.fresh.length > 0) news(found.fresh)
    done(startedAt)
  }

  function done(startedAt: number): void {
    lookedAt = startedAt
    hasComplained = false
  }

  function complain(read: ChangesRead): void {
    if (isStopped || read.result === 'rows') return
    if (read.result === 'absent') {
      absentUntil = clock.now() + ABSENT_PAUSE_MS
      window = undefined
    }
    if (hasComplained) return
    hasComplained = true
    const hint = read.result === 'absent' ? ' (homing migrate makes the table)' : ''
    warn(
      `${log.name}: changes cannot be followed, so what is cached may be out of date until it expires: ` +
        `${read.cause.message}${hint}`,
    )
  }

  void lookOnce()
  return {
    look: lookOnce,
    lookedAt: () => lookedAt,
    stop: () => {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
