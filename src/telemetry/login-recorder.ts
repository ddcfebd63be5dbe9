// From answered questions to rows in the database, beside the logins: a bounded queue, batches, and nobody waits.

import { setImmediate } from 'node:timers/promises'
import type { AuthEvent } from '../model/auth-event.js'
import type { Clock } from '../model/clock.js'
import type { LoginEvent, LoginEventStore } from '../model/login-event.js'
import { coarseNetworkOf } from '../model/networks.js'
import type { LoginEventSettings } from './login-event-settings.js'

export interface LoginRecorder {
  /** Takes what is to be kept of the event, or drops it when too much is waiting. Costs a login microseconds. */
  record(event: AuthEvent): void
  /** Since the start. */
  counts(): { readonly written: number; readonly dropped: number; readonly waiting: number }
  /** Writes what is waiting, within the deadline. */
  stop(deadlineMs: number): Promise<void>
}

export interface LoginRecorderOptions {
  readonly store: LoginEventStore
  /** Read at every event: they may change. */
  readonly settings: LoginEventSettings
  readonly clock: Clock
  readonly warn: (message: string, cause: unknown) => void
  /** For tests. */
  readonly limits?: Partial<typeof usualLimits>
}

const usualLimits = {
  /** As many events may wait: at 300 bytes each some 6 MB, and some seconds of a very big site. */
  waiting: 20_000,
  /** One statement. SQLite writes it on the event loop. */
  batch: 100,
  gatheringMs: 500,
  /** How long a database that did not take them is left alone. */
  backOffMs: 2000,
  pruneEveryMs: 600_000,
  pruned: 500,
  pauseMs: 50,
}

const WARN_AGAIN_MS = 600_000

export function createLoginRecorder(options: LoginRecorderOptions): LoginRecorder {
  const { store, settings, clock, warn } = options
  const limits = { ...usualLimits, ...options.limits }
  const queue: LoginEvent[] = []
  /** So many of the first in the queue are among the events already, and only their last logins are not. */
  let added = 0
  let written = 0
  let dropped = 0
  let notBefore = 0
  const warnedAt = new Map<string, number>()
  let hasNone = false
  let isStopping = false
  let writing: Promise<void> | undefined

  const gathering = setInterval(() => void writeOut(), limits.gatheringMs).unref()
  // Copies that were started together do not all prune at the same moment.
  const pruning = setInterval(() => void prune(), limits.pruneEveryMs * (0.9 + Math.random() / 5)).unref()

  function writeOut(): Promise<void> {
    writing ??= writeBatches().finally(() => {
      writing = undefined
    })
    return writing
  }

  async function writeBatches(): Promise<void> {
    while (queue.length > 0 && (isStopping || clock.now() >= notBefore)) {
      const batch = queue.slice(0, limits.batch)
      try {
        await writeBatch(batch)
        written += batch.length
      } catch (cause) {
        tell('login events are not written', cause)
        notBefore = clock.now() + limits.backOffMs
        // A table that is missing stays missing: events would be old before anybody has made it.
        if ((cause as { temporary?: unknown }).temporary === true && !isStopping) return
        dropped += batch.length
      }
      queue.splice(0, batch.length)
      added = 0
      // SQLite answers without ever leaving the event loop: let the logins have it in between.
      await setImmediate()
    }
  }

  async function writeBatch(batch: readonly LoginEvent[]): Promise<void> {
    const kept = batch.slice(added).filter(({ result }) => isKept(settings.login_events, result))
    if (kept.length > 0) await store.add(kept)
    added = batch.length
    const logins = batch.filter(({ result, masterUser }) => result === 'ok' && masterUser === undefined)
    if (settings.last_login && logins.length > 0) await store.setLastLogins(logins)
  }

  async function prune(): Promise<void> {
    const { login_events, login_events_retention: retentionMs } = settings
    if (retentionMs === 0 || (login_events === 'none' && hasNone)) return
    try {
      const before = clock.unixSeconds() - Math.floor(retentionMs / 1000)
      while (!isStopping && (await store.prune(before, limits.pruned)) === limits.pruned) {
        await new Promise(resolve => setTimeout(resolve, limits.pauseMs).unref())
      }
    } catch (cause) {
      if (login_events !== 'none') tell('old login events are not deleted', cause)
      // Who keeps none may have no table for them, and no right to delete anything.
      else if ((cause as { temporary?: unknown }).temporary !== true) hasNone = true
    }
  }

  function tell(message: string, cause: unknown): void {
    const now = clock.now()
    if (now - (warnedAt.get(message) ?? Number.NEGATIVE_INFINITY) < WARN_AGAIN_MS) return
    warnedAt.set(message, now)
    warn(message, cause)
  }

  return {
    record: event => {
      if (!isWanted(settings, event)) return
      if (queue.length >= limits.waiting) {
        dropped++
        return
      }
      queue.push(eventOf(event, settings, clock.unixSeconds()))
      if (queue.length >= limits.batch && clock.now() >= notBefore) void writeOut()
    },
    counts: () => ({ written, dropped, waiting: queue.length }),
    stop: async deadlineMs => {
      isStopping = true
      clearInterval(gathering)
      clearInterval(pruning)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>(resolve => {
        timer = setTimeout(resolve, deadlineMs)
      })
      await Promise.race([Promise.resolve(writing).then(writeOut), late])
      clearTimeout(timer)
      dropped += queue.length
      queue.length = 0
    },
  }
}

/** Logins are passwords that were tried; a lookup for LMTP or of a userdb is none. */
function isWanted(settings: LoginEventSettings, { question, result }: AuthEvent): boolean {
  if (question !== 'verify') return false
  return isKept(settings.login_events, result) || (settings.last_login && result === 'ok')
}

function isKept(which: LoginEventSettings['login_events'], result: string): boolean {
  return which === 'all' || (which === 'failures' && result !== 'ok')
}

function eventOf(event: AuthEvent, settings: LoginEventSettings, at: number): LoginEvent {
  const { user, result, protocol, mechanism, remoteIp, masterUser, sessionId } = event
  const address = shorten(remoteIp, settings.login_events_address)
  return {
    at,
    user,
    result,
    protocol,
    ...(mechanism !== undefined && { mechanism }),
    ...(address !== undefined && { remoteIp: address }),
    ...(masterUser !== undefined && { masterUser }),
    ...(sessionId !== undefined && { sessionId }),
  }
}

function shorten(
  address: string | undefined,
  how: LoginEventSettings['login_events_address'],
): string | undefined {
  if (address === undefined || how === 'none') return undefined
  return how === 'network' ? coarseNetworkOf(address) : address
}
