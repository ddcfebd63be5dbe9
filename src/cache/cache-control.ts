// Asks everybody who caches: all copies of the program, through the change table, so that none is missed, and over the
// bus, so that it takes no second; and the Dovecots that are named in the settings.

import { setTimeout as sleep } from 'node:timers/promises'
import type { RequestKind } from '../database/change-log.js'
import type { Copies, CopyAnswer } from '../database/copies.js'
import type { DovecotCaches, DovecotFlushed } from '../dovecot/dovecot-caches.js'
import type { UsernameRules } from '../model/username.js'
import type { StateStore } from '../state/state-store.js'
import { CHANGES_CHANNEL, formatBusMessage } from './bus-message.js'
import type { CacheStats } from './cache-stats.js'

/** `confirmed`: it did it. Otherwise it may still do it, or have ended without a word. */
export interface CopyFlushed {
  readonly name: string
  readonly confirmed: boolean
  readonly entries: number
}

export interface CopyStatus {
  readonly name: string
  /** Absent: it did not answer. */
  readonly stats?: CacheStats
}

/** `trouble`: not everybody could be asked, or it is not known who there is. */
export interface Asked<T> {
  readonly copies: readonly T[]
  readonly trouble?: string
}

export interface Flushed extends Asked<CopyFlushed> {
  readonly dovecots: readonly DovecotFlushed[]
  /** Everybody there is has confirmed. */
  readonly complete: boolean
}

export interface CacheControl {
  /** All copies forget the users that a mask matches; without masks, everybody. Never rejects. */
  flush(masks: readonly string[]): Promise<Flushed>
  /** How every copy's cache is doing since the last reset. Never rejects. */
  status(options: { readonly reset: boolean }): Promise<Asked<CopyStatus>>
}

export interface CacheControlOptions {
  readonly copies: Copies
  readonly state: StateStore
  readonly dovecots: DovecotCaches
  /** Caches know login names, and an administrator writes them as users do. */
  readonly rules: UsernameRules
  /** Copies that have not answered by then have not confirmed. */
  readonly patienceMs: number
}

const LOOK_AGAIN_MS = 25

export function createCacheControl(options: CacheControlOptions): CacheControl {
  const { copies, state, dovecots, rules, patienceMs } = options
  const tell = (masks: readonly string[]) =>
    state.isShared
      ? state.publish(CHANGES_CHANNEL, formatBusMessage({ masks, look: true }))
      : Promise.resolve()

  async function ask(
    kind: RequestKind,
    masks: readonly string[],
  ): Promise<Asked<{ name: string; answers: readonly CopyAnswer[] | undefined }>> {
    const deadline = performance.now() + patienceMs
    let live: readonly string[] = []
    let answers: readonly CopyAnswer[] = []
    let requests: readonly number[] = []
    const byCopy = () =>
      live.map(name => {
        const own = answers.filter(({ copy }) => copy === name)
        return { name, answers: own.length === requests.length ? own : undefined }
      })
    try {
      live = await copies.live()
      requests = await copies.ask(kind, masks)
      await tell([])
      while (live.length > 0) {
        answers = await copies.answers(requests)
        if (byCopy().every(({ answers }) => answers) || performance.now() > deadline) break
        await sleep(LOOK_AGAIN_MS)
      }
      return { copies: byCopy() }
    } catch (cause) {
      // The bus may reach them where the database does not.
      if (requests.length === 0 && kind === 'flush') await tell(masks.length === 0 ? [''] : masks)
      return { copies: requests.length > 0 ? byCopy() : [], trouble: (cause as Error).message }
    }
  }

  return {
    flush: async written => {
      const masks = written.map(mask => asCached(mask, rules))
      const asked = await ask('flush', masks)
      const flushed = asked.copies.map(({ name, answers = [] }) => ({
        name,
        confirmed: answers.length > 0,
        entries: answers.reduce((sum, { answer }) => sum + Number(read(answer).entries ?? 0), 0),
      }))
      // After ours: what a Dovecot asks again must not be answered from a cache that is still to be flushed.
      const dovecotsFlushed = await dovecots.flush(masks)
      const all = [...flushed, ...dovecotsFlushed]
      const complete = asked.trouble === undefined && all.every(({ confirmed }) => confirmed)
      return { ...asked, copies: flushed, dovecots: dovecotsFlushed, complete }
    },
    status: async ({ reset }) => {
      const asked = await ask(reset ? 'reset' : 'status', [])
      return {
        ...asked,
        copies: asked.copies.map(({ name, answers }) => {
          const stats = answers?.[0] && (read(answers[0].answer).stats as CacheStats | undefined)
          return { name, ...(stats && { stats }) }
        }),
      }
    },
  }
}

/** Of a mask, and of a name that nobody can log in by, only the case can be told. */
function asCached(mask: string, rules: UsernameRules): string {
  const name = /[*?]/.test(mask) ? undefined : rules.normalise(mask)
  return name && 'user' in name ? name.user : rules.normaliseStored(mask)
}

function read(answer: string): { readonly entries?: unknown; readonly stats?: unknown } {
  try {
    return JSON.parse(answer) as object
  } catch {
    return {}
  }
}
