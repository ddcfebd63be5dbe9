// Remembers across restarts, and for the other copies, from which networks users log in: or else, after a restart, nobody
// would be known, and a few old phones in an office could keep out everybody there.

import type { KnownPair, KnownPairTable } from '../database/known-pairs.js'
import type { Clock } from '../model/clock.js'
import { Generations } from './generations.js'

export interface StoredPairs {
  /** Told of every login that succeeded; waits for nothing. */
  succeeded(pair: number): void
  /** Reads what is known, and every half minute what has become known. Ends with the first reading. */
  follow(): Promise<void>
  /** What could not be read or written the last time; empty: nothing. */
  failure(): string
  /** Writes what is not yet written, if the database takes it. */
  close(): Promise<void>
}

export interface StoredPairsDeps {
  readonly clock: Clock
  readonly knownForMs: number
  /** Told of what the database knows. */
  readonly learn: (pair: number, agoMs: number) => void
  /** Told once when it cannot be read or written, and when it can again. */
  readonly warn: (message: string) => void
}

const READ_EVERY_MS = 30_000
const WRITE_EVERY_MS = 5000
const ONE_DAY_SECS = 86_400
/** More wait for a database that is down than a big site has in a day; what does not fit is known in this copy only. */
const MOST_WAITING = 200_000
const BATCH = 500
/** Room for 100,000; one that is forgotten is written once more than needed. */
const WRITTEN_BYTES = 8 << 20
const BYTES_EACH = 80
/** Copies' clocks may differ, and a transaction may be slow. */
const OVERLAP_SECS = 120

export function openStoredPairs(table: KnownPairTable, deps: StoredPairsDeps): StoredPairs {
  const { clock, knownForMs, learn, warn } = deps
  const waiting = new Map<number, number>()
  /** When each was written: once a day is enough. */
  const written = new Generations<number, number>(WRITTEN_BYTES, () => BYTES_EACH)
  /** What did not work the last time: the database may be read and not written. */
  const failing = new Set<string>()
  let readUntil = 0
  let writing: Promise<void> | undefined
  let timers: NodeJS.Timeout[] = []

  async function attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
      if (failing.delete(what) && failing.size === 0) warn('where users log in from is remembered again')
    } catch (cause) {
      if (failing.size === 0) warn(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`)
      failing.add(what)
    }
  }

  const read = () =>
    attempt('where users log in from cannot be read', async () => {
      const now = clock.unixSeconds()
      const since = Math.max(readUntil - OVERLAP_SECS, now - Math.floor(knownForMs / 1000))
      for await (const page of table.since(since)) {
        for (const { pair, seen } of page) {
          learn(pair, Math.max(0, now - seen) * 1000)
          written.set(pair, seen)
        }
      }
      readUntil = now
    })

  const write = () =>
    attempt('where users log in from cannot be remembered', async () => {
      while (waiting.size > 0) {
        const batch = [...firstOf(waiting, BATCH)]
        await table.put(batch)
        for (const { pair, seen } of batch) {
          waiting.delete(pair)
          written.set(pair, seen)
        }
      }
    })

  /** One at a time. */
  const writeSoon = (): Promise<void> => {
    writing ??= write().finally(() => {
      writing = undefined
    })
    return writing
  }

  const prune = () =>
    attempt('old ones cannot be forgotten', async () => {
      const before = clock.unixSeconds() - Math.floor(knownForMs / 1000)
      while ((await table.prune(before, BATCH)) === BATCH);
    })

  return {
    succeeded: pair => {
      const now = clock.unixSeconds()
      if (now - (written.get(pair) ?? 0) < ONE_DAY_SECS || waiting.has(pair)) return
      if (waiting.size < MOST_WAITING) waiting.set(pair, now)
    },
    follow: () => {
      if (timers.length === 0) {
        timers = [
          setInterval(read, READ_EVERY_MS).unref(),
          setInterval(writeSoon, WRITE_EVERY_MS).unref(),
          setInterval(prune, ONE_DAY_SECS * 1000).unref(),
        ]
      }
      return read()
    },
    failure: () => [...failing][0] ?? '',
    close: async () => {
      for (const timer of timers) clearInterval(timer)
      await writeSoon()
    },
  }
}

function* firstOf(waiting: ReadonlyMap<number, number>, count: number): Iterable<KnownPair> {
  let left = count
  for (const [pair, seen] of waiting) {
    if (left-- === 0) return
    yield { pair, seen }
  }
}
