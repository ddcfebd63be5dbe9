// How each part of a service is, for whoever looks after it. Names hosts and settings; no user, no secret, no message of another
// machine, which may hold one.

import type { MasterAuditCounts } from './master-audit.js'
import { packageVersion, type ServiceFigures } from './service-metrics.js'

export interface HealthFigures extends ServiceFigures {
  readonly startedMs: number
  /** Whether each of `databases` answers just now, in their order. */
  readonly answers: readonly boolean[]
  /** Absent: there is no auth cache. */
  readonly cache?: {
    readonly entries: number
    readonly bytes: number
    readonly behindMs?: number | undefined
  }
  readonly bus: { readonly isShared: boolean; readonly isUp: boolean }
  /** Absent: there is no policy. */
  readonly policy?: {
    readonly listsAreRead: boolean
    readonly pairsAreKept: boolean
    readonly withoutStore: number
    readonly degraded: number
  }
  readonly config: { readonly readMs: number; readonly needRestart: readonly string[] }
}

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const count = { type: 'integer' } as const

const part = <const P extends Record<string, object>, const R extends readonly (keyof P & string)[]>(
  properties: P,
  required: R,
) => ({ type: 'object', required, properties }) as const

export const healthSchema = part(
  {
    status: text,
    version: text,
    node: text,
    started: text,
    databases: {
      type: 'array',
      items: part(
        {
          name: text,
          answers: flag,
          hosts: {
            type: 'array',
            items: part({ host: text, up: flag, takes_writes: flag, reason: text }, [
              'host',
              'up',
              'takes_writes',
            ]),
          },
          connections: part({ busy: count, idle: count, waiting: count }, ['busy', 'idle', 'waiting']),
          failed_reads: count,
          failed_writes: count,
        },
        ['name', 'answers', 'failed_reads', 'failed_writes'],
      ),
    },
    cache: part({ entries: count, bytes: count, behind_ms: count }, ['entries', 'bytes']),
    bus: part({ shared: flag, up: flag }, ['shared', 'up']),
    hash_pool: part(
      {
        threads: count,
        running: count,
        waiting: count,
        refused: count,
        timed_out: count,
        threads_lost: count,
      },
      ['threads', 'running', 'waiting', 'refused', 'timed_out', 'threads_lost'],
    ),
    policy: part({ lists_are_read: flag, known_users_are_kept: flag, without_bus: count, degraded: count }, [
      'lists_are_read',
      'known_users_are_kept',
      'without_bus',
      'degraded',
    ]),
    certificates: {
      type: 'array',
      items: part({ door: text, expires: text, days_left: count }, ['door', 'expires', 'days_left']),
    },
    config: part({ read: text, good: flag, need_restart: { type: 'array', items: text } }, [
      'read',
      'good',
      'need_restart',
    ]),
    login_events: part({ written: count, waiting: count, dropped: count }, ['written', 'waiting', 'dropped']),
    master_audit: part({ written: count, waiting: count, lost: count, failing: flag }, [
      'written',
      'waiting',
      'lost',
      'failing',
    ]),
    log_lines_dropped: count,
  },
  [
    'status',
    'version',
    'node',
    'started',
    'databases',
    'bus',
    'hash_pool',
    'certificates',
    'config',
    'login_events',
    'master_audit',
    'log_lines_dropped',
  ],
)

const DAY_MS = 86_400_000
const isoTime = (ms: number): string => new Date(ms).toISOString()

/** The document that healthSchema describes. */
export function healthDocument(figures: HealthFigures, nowMs: number): object {
  const { readiness, startedMs, bus, hash, config, isConfigGood, loginEvents, masterAudit } = figures
  const { threads, running, waiting, refused, timedOut, threadsLost } = hash
  return {
    status: readiness,
    version: packageVersion(),
    node: process.versions.node,
    started: isoTime(startedMs),
    databases: databasesOf(figures),
    ...cacheOf(figures),
    bus: { shared: bus.isShared, up: bus.isUp },
    hash_pool: { threads, running, waiting, refused, timed_out: timedOut, threads_lost: threadsLost },
    ...policyOf(figures),
    certificates: figures.certificates.map(({ door, validToMs }) => ({
      door,
      expires: isoTime(validToMs),
      days_left: Math.floor((validToMs - nowMs) / DAY_MS),
    })),
    config: { read: isoTime(config.readMs), good: isConfigGood, need_restart: config.needRestart },
    login_events: loginEvents,
    master_audit: auditOf(masterAudit),
    log_lines_dropped: figures.droppedLogLines,
  }
}

function databasesOf({ databases, answers }: HealthFigures): object[] {
  return databases.map(({ name, figures: { read, write, pool } }, at) => ({
    name,
    answers: answers[at] ?? false,
    ...(pool && {
      hosts: pool.hosts.map(({ name, isUp, takesWrites, reason }) => ({
        host: name,
        up: isUp,
        takes_writes: takesWrites,
        ...(reason !== undefined && { reason }),
      })),
      connections: { busy: pool.busy, idle: pool.idle, waiting: pool.waiting },
    }),
    failed_reads: read.failed,
    failed_writes: write.failed,
  }))
}

function cacheOf({ cache }: HealthFigures): object {
  if (cache === undefined) return {}
  const { entries, bytes, behindMs } = cache
  return {
    cache: {
      entries,
      bytes,
      ...(behindMs !== undefined && { behind_ms: Math.max(0, Math.round(behindMs)) }),
    },
  }
}

function policyOf({ policy }: HealthFigures): object {
  if (policy === undefined) return {}
  const { listsAreRead, pairsAreKept, withoutStore, degraded } = policy
  return {
    policy: {
      lists_are_read: listsAreRead,
      known_users_are_kept: pairsAreKept,
      without_bus: withoutStore,
      degraded,
    },
  }
}

const auditOf = ({ written, waiting, lost, isFailing }: MasterAuditCounts): object => ({
  written,
  waiting,
  lost,
  failing: isFailing,
})
