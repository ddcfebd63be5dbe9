// From uses of master users to rows in the database: beside the logins, in order, and kept until they are written.

import type { Static } from 'typebox'
import type { Clock } from '../model/clock.js'
import type { MasterUse, MasterUseStore, RecordedMasterUse } from '../model/master-use.js'
import { settings, yesNo } from '../model/setting.js'

export const masterAuditSettings = settings({
  master_audit_required: yesNo(
    'Whether a master login waits until its use is written into the audit (homing_master_uses), and is refused as a ' +
      'temporary failure when it cannot be. Without it the audit is written a moment later, and uses that the database ' +
      'does not take are kept in memory, logged, and counted.',
    false,
    { reloads: true },
  ),
})

export type MasterAuditSettings = Static<typeof masterAuditSettings>

export interface MasterAudit {
  /** Logs the use and sees to its row. A promise only where the login must wait for it: whether it was written. */
  record(use: MasterUse): Promise<boolean> | undefined
  counts(): MasterAuditCounts
  /** Writes what is waiting, within the deadline; what cannot be written is in the log. */
  stop(deadlineMs: number): Promise<void>
}

export interface MasterAuditCounts {
  /** Uses by what became of the login. */
  readonly ok: number
  readonly refused: number
  readonly failed: number
  readonly written: number
  /** Only the log has them. */
  readonly lost: number
  readonly waiting: number
  /** The last attempt to write did not work. */
  readonly isFailing: boolean
}

export interface MasterAuditOptions {
  readonly store: MasterUseStore
  /** Read at every use: they may change. */
  readonly settings: MasterAuditSettings
  readonly clock: Clock
  readonly log: (level: 'info' | 'error', details: Readonly<Record<string, unknown>>, message: string) => void
  /** For tests. */
  readonly limits?: Partial<typeof usualLimits>
}

const usualLimits = {
  /** So many may wait: some megabytes. */
  waiting: 20_000,
  batch: 100,
  /** How long a database that did not take them is left alone. */
  backOffMs: 2000,
}

const ALARM_AGAIN_MS = 60_000

export function createMasterAudit(options: MasterAuditOptions): MasterAudit {
  const { store, settings, clock, log } = options
  const limits = { ...usualLimits, ...options.limits }
  const queue: RecordedMasterUse[] = []
  const counts = { ok: 0, refused: 0, failed: 0, written: 0, lost: 0, isFailing: false }
  let alarmedAt = Number.NEGATIVE_INFINITY
  let isStopping = false
  let writing: Promise<void> | undefined
  let retry: NodeJS.Timeout | undefined

  function writeOut(): Promise<void> {
    writing ??= writeBatches().finally(() => {
      writing = undefined
    })
    return writing
  }

  async function writeBatches(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, limits.batch)
      if (!(await write(batch))) {
        // A table that is missing too: somebody is told, and makes it.
        retryLater()
        return
      }
      queue.splice(0, batch.length)
    }
  }

  function retryLater(): void {
    if (isStopping) return
    retry ??= setTimeout(() => {
      retry = undefined
      void writeOut()
    }, limits.backOffMs).unref()
  }

  async function write(batch: readonly RecordedMasterUse[]): Promise<boolean> {
    try {
      await store.add(batch)
      counts.written += batch.length
      counts.isFailing = false
      return true
    } catch (cause) {
      counts.isFailing = true
      alarm(cause)
      return false
    }
  }

  function alarm(cause: unknown): void {
    if (clock.now() - alarmedAt < ALARM_AGAIN_MS) return
    alarmedAt = clock.now()
    const waiting = queue.length
    log('error', { waiting, lost: counts.lost, cause }, 'the audit of master logins cannot be written')
  }

  function enqueue(use: RecordedMasterUse): void {
    if (queue.length >= limits.waiting) {
      counts.lost++
      alarm(new Error('too many uses wait'))
      return
    }
    queue.push(use)
    if (!counts.isFailing) void writeOut()
    // What failed last may have been the row of a login that waited for it: nobody comes back for those.
    else retryLater()
  }

  return {
    record: use => {
      const { result } = use
      counts[result === 'ok' ? 'ok' : result === 'internal_failure' ? 'failed' : 'refused']++
      log(result === 'internal_failure' ? 'error' : 'info', lineOf(use), `master login: ${result}`)
      const recorded = { ...use, at: clock.unixSeconds() }
      if (!settings.master_audit_required || result !== 'ok') {
        enqueue(recorded)
        return undefined
      }
      return write([recorded]).then(isWritten => {
        // Refused, and that is a use too.
        if (!isWritten)
          enqueue({ ...recorded, result: 'internal_failure', reason: 'this could not be written' })
        return isWritten
      })
    },
    counts: () => ({ ...counts, waiting: queue.length }),
    stop: async deadlineMs => {
      isStopping = true
      clearTimeout(retry)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>(resolve => {
        timer = setTimeout(resolve, deadlineMs)
      })
      await Promise.race([Promise.resolve(writing).then(writeOut), late])
      clearTimeout(timer)
      if (queue.length === 0) return
      counts.lost += queue.length
      log('error', { lost: queue.length }, 'uses of master users that only the log has')
      queue.length = 0
    },
  }
}

function lineOf(use: MasterUse): Record<string, unknown> {
  const { master, user, verifiedBy, protocol, mechanism, remoteIp, realRemoteIp, sessionId, reason } = use
  return {
    master_user: master,
    user,
    verified_by: verifiedBy,
    ...(protocol !== '' && { protocol }),
    ...(mechanism !== undefined && { mechanism }),
    ...(remoteIp !== undefined && { remote_ip: remoteIp }),
    ...(realRemoteIp !== undefined && realRemoteIp !== remoteIp && { real_remote_ip: realRemoteIp }),
    ...(sessionId !== undefined && { session: sessionId }),
    ...(reason !== undefined && { reason }),
  }
}
