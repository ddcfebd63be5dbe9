// The figures of the parts of a service, as metrics: hash threads, databases, certificates, the log, login events.

import { readFileSync } from 'node:fs'
import type { MasterAuditCounts } from './master-audit.js'
import { formatFamilies, labelled, type MetricFamily, type Sample, single } from './metric-family.js'

export interface ServiceFigures {
  /** `ready`, `degraded` or `stopping`. */
  readonly readiness: string
  readonly hash: {
    readonly threads: number
    readonly waiting: number
    readonly running: number
    readonly computed: number
    readonly refused: number
    readonly timedOut: number
    readonly threadsLost: number
  }
  /** By a name of ours, which names no host. */
  readonly databases: readonly { readonly name: string; readonly figures: DatabaseFigures }[]
  readonly certificates: readonly { readonly door: string; readonly validToMs: number }[]
  readonly droppedLogLines: number
  readonly loginEvents: { readonly written: number; readonly dropped: number; readonly waiting: number }
  readonly masterAudit: MasterAuditCounts
  /** Of the last SIGHUP; 1 before the first. */
  readonly isConfigGood: boolean
}

interface Statements {
  readonly done: number
  readonly failed: number
  readonly seconds: number
}

interface DatabaseFigures {
  readonly read: Statements
  readonly write: Statements
  readonly pool?: {
    readonly busy: number
    readonly idle: number
    readonly waiting: number
    readonly hostsUp: number
    readonly hostsDown: number
    /** `reason`: the driver's word for why it is down. */
    readonly hosts: readonly {
      readonly name: string
      readonly isUp: boolean
      readonly takesWrites: boolean
      readonly reason?: string
    }[]
  }
}

const packageFile = new URL('../../../package.json', import.meta.url)
let version: string | undefined

export function packageVersion(): string {
  version ??= (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version
  return version
}

const readinessWords = ['ready', 'degraded', 'stopping']

export function formatServiceMetrics(figures: ServiceFigures): string {
  const { readiness, hash, certificates, loginEvents } = figures
  const states = Object.fromEntries(readinessWords.map(word => [word, word === readiness ? 1 : 0]))
  return formatFamilies([
    {
      name: 'homing_build_info',
      type: 'gauge',
      help: 'Which Homing runs on which Node',
      samples: [{ labels: { version: packageVersion(), node: process.versions.node }, value: 1 }],
    },
    labelled(
      'homing_readiness',
      'gauge',
      'What /readyz says: 1 for the state that it is in',
      'state',
      states,
    ),
    single(
      'homing_config_last_reload_successful',
      'gauge',
      'Whether the last SIGHUP found a good configuration',
      figures.isConfigGood ? 1 : 0,
    ),
    single('homing_hash_threads', 'gauge', 'Threads that compute password hashes', hash.threads),
    single('homing_hash_queue_waiting', 'gauge', 'Passwords that wait for a thread', hash.waiting),
    single('homing_hash_running', 'gauge', 'Passwords whose hash is being computed', hash.running),
    single('homing_hash_computed_total', 'counter', 'Password hashes that were computed', hash.computed),
    single(
      'homing_hash_refused_total',
      'counter',
      'Passwords refused because too many waited: a temporary failure each',
      hash.refused,
    ),
    single(
      'homing_hash_timeouts_total',
      'counter',
      'Passwords whose hash was not computed in time: a temporary failure each',
      hash.timedOut,
    ),
    single(
      'homing_hash_threads_lost_total',
      'counter',
      'Hash threads that crashed or hung and were replaced',
      hash.threadsLost,
    ),
    ...databaseFamilies(figures.databases),
    {
      name: 'homing_tls_certificate_expiry_timestamp_seconds',
      type: 'gauge',
      help: 'When the certificate that a door shows expires, in seconds since 1970',
      samples: certificates.map(({ door, validToMs }) => ({
        labels: { door },
        value: Math.floor(validToMs / 1000),
      })),
    },
    single(
      'homing_log_lines_dropped_total',
      'counter',
      'Log lines that could not be written',
      figures.droppedLogLines,
    ),
    labelled(
      'homing_login_events_total',
      'counter',
      'Login events written to the database, and dropped because it took none',
      'outcome',
      {
        written: loginEvents.written,
        dropped: loginEvents.dropped,
      },
    ),
    single(
      'homing_login_events_waiting',
      'gauge',
      'Login events that wait to be written',
      loginEvents.waiting,
    ),
    ...masterFamilies(figures.masterAudit),
  ])
}

function masterFamilies(audit: MasterAuditCounts): MetricFamily[] {
  const { ok, refused, failed, written, lost, waiting, isFailing } = audit
  const uses = { ok, refused, failed }
  return [
    labelled(
      'homing_master_logins_total',
      'counter',
      'Logins of master users as somebody else and attempts at them, by outcome',
      'outcome',
      uses,
    ),
    labelled(
      'homing_master_audit_total',
      'counter',
      'Uses of master users that were written into the audit, and that only the log has',
      'outcome',
      { written, lost },
    ),
    single(
      'homing_master_audit_waiting',
      'gauge',
      'Uses of master users that wait to be written into the audit',
      waiting,
    ),
    single(
      'homing_master_audit_failing',
      'gauge',
      'Whether the audit of master users could not be written the last time',
      isFailing ? 1 : 0,
    ),
  ]
}

function databaseFamilies(databases: ServiceFigures['databases']): MetricFamily[] {
  const statements = (
    of: (counts: Statements) => Readonly<Record<string, number>>,
    label?: string,
  ): Sample[] =>
    databases.flatMap(({ name: database, figures }) =>
      (['read', 'write'] as const).flatMap(kind =>
        Object.entries(of(figures[kind])).map(([word, value]) => ({
          labels: { database, kind, ...(label !== undefined && { [label]: word }) },
          value,
        })),
      ),
    )
  const pooled = (
    of: (pool: NonNullable<DatabaseFigures['pool']>) => Readonly<Record<string, number>>,
    label?: string,
  ): Sample[] =>
    databases.flatMap(({ name: database, figures: { pool } }) =>
      pool
        ? Object.entries(of(pool)).map(([word, value]) => ({
            labels: { database, ...(label !== undefined && { [label]: word }) },
            value,
          }))
        : [],
    )
  return [
    {
      name: 'homing_database_statements_total',
      type: 'counter',
      help: 'Statements by database, kind and outcome; lookups that arrive together share one',
      samples: statements(({ done, failed }) => ({ ok: done, failed }), 'outcome'),
    },
    {
      name: 'homing_database_statement_seconds_total',
      type: 'counter',
      help: 'Time that statements took, waiting for a connection included',
      samples: statements(({ seconds }) => ({ seconds })),
    },
    {
      name: 'homing_database_connections',
      type: 'gauge',
      help: 'Connections for lookups by state',
      samples: pooled(({ busy, idle }) => ({ busy, idle }), 'state'),
    },
    {
      name: 'homing_database_waiting',
      type: 'gauge',
      help: 'Lookups that wait for a connection',
      samples: pooled(({ waiting }) => ({ waiting })),
    },
    {
      name: 'homing_database_hosts',
      type: 'gauge',
      help: 'Hosts of a database by state',
      samples: pooled(({ hostsUp, hostsDown }) => ({ up: hostsUp, down: hostsDown }), 'state'),
    },
  ]
}
