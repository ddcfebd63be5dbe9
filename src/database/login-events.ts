// Login events and last logins: written in batches, pruned in small ones, and asked about by `homing report`.

import { CompiledQuery, type RawBuilder, sql } from 'kysely'
import type { LoginEvent, LoginEventStore } from '../model/login-event.js'
import { keptName, keptWord, optional } from './kept-text.js'
import type { SqlDatabase } from './sql-database.js'

export interface LoginReports {
  /** Whose logins failed, most often first. */
  failures(sinceUnixSeconds: number, limit: number, part?: ReportPart): Promise<FailureRow[]>
  /** Where failed logins came from, most of them first, and then successful ones. */
  addresses(sinceUnixSeconds: number, limit: number, part?: ReportPart): Promise<AddressRow[]>
  /** When this user last logged in, by protocol. */
  lastLogins(user: string, part?: Pick<ReportPart, 'deadlineMs'>): Promise<LastLoginRow[]>
}

/** Which part of a report is wanted; all from its beginning until now when it is not said. */
export interface ReportPart {
  /** Up to, and without, this second. */
  readonly untilUnixSeconds?: number
  /** How many rows come before it. */
  readonly offset?: number
  readonly deadlineMs?: number
}

export interface FailureRow {
  readonly user: string
  readonly failures: number
  readonly addresses: number
  readonly last: number
}

export interface AddressRow {
  readonly address: string
  readonly failures: number
  readonly logins: number
  readonly users: number
  readonly last: number
}

export interface LastLoginRow {
  readonly protocol: string
  readonly at: number
  readonly address: string
}

export type LoginEvents = LoginEventStore & LoginReports

/** Connects lazily, as everything of a database. */
export function loginEventsIn(open: () => Promise<SqlDatabase>): LoginEvents {
  const ask = async <R>(
    query: RawBuilder<R>,
    { deadlineMs = REPORT_TIMEOUT_MS }: ReportPart = {},
  ): Promise<readonly R[]> => {
    const database = await open()
    return database.report('report logins', query.compile(database.builder), deadlineMs)
  }
  return {
    add: async events => {
      const insert = rowsInto('homing_login_events', eventColumns, events.map(eventRow))
      await (await open()).transaction('record logins', async transaction => {
        await transaction.executeQuery(insert)
      })
    },
    setLastLogins: async events => {
      const database = await open()
      // In one order in every copy, so that two of them never wait for each other.
      const rows = [...latestOf(events)]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, event]) => lastRow(event))
      const upsert = rowsInto('homing_last_logins', lastColumns, rows, unlessNewer[database.dialect])
      await database.transaction('record last logins', async transaction => {
        await transaction.executeQuery(upsert)
      })
    },
    prune: async (before, limit) => {
      const database = await open()
      const oldest = sql`where at < ${before} order by at, id limit ${sql.lit(limit)}`
      const which =
        database.dialect === 'mysql'
          ? oldest
          : sql`where id in (select id from homing_login_events ${oldest})`
      return database.transaction('prune login events', async transaction => {
        const { numAffectedRows } = await sql`delete from homing_login_events ${which}`.execute(transaction)
        return Number(numAffectedRows ?? 0)
      })
    },
    failures: async (since, limit, part = {}) => {
      const rows = await ask(
        sql<Row>`
        select username as user, count(*) as failures, count(distinct remote_ip) as addresses, max(at) as last
        from homing_login_events where ${isWithin(since, part)} and ${isFailure}
        group by username order by failures desc, username ${someOf(limit, part)}`,
        part,
      )
      return rows.map(row => ({ user: String(row.user), ...numbers(row, 'failures', 'addresses', 'last') }))
    },
    addresses: async (since, limit, part = {}) => {
      const rows = await ask(
        sql<Row>`
        select remote_ip as address, sum(case when ${isFailure} then 1 else 0 end) as failures,
          sum(case when result = 'ok' then 1 else 0 end) as logins,
          count(distinct username) as users, max(at) as last
        from homing_login_events where ${isWithin(since, part)} and remote_ip is not null
        group by remote_ip order by failures desc, logins desc, remote_ip ${someOf(limit, part)}`,
        part,
      )
      return rows.map(row => ({
        address: String(row.address),
        ...numbers(row, 'failures', 'logins', 'users', 'last'),
      }))
    },
    lastLogins: async (user, part) => {
      const rows = await ask(
        sql<Row>`
        select protocol, at, remote_ip as address from homing_last_logins where username = ${keptName(user)}
        order by at desc, protocol`,
        part,
      )
      return rows.map(row => ({ ...numbers(row, 'at'), ...texts(row, 'protocol', 'address') }))
    },
  }
}

/** When nobody says otherwise. */
export const REPORT_TIMEOUT_MS = 60_000

/** The events of this time. */
export const isWithin = (since: number, { untilUnixSeconds }: ReportPart): RawBuilder<unknown> =>
  untilUnixSeconds === undefined ? sql`at >= ${since}` : sql`at >= ${since} and at < ${untilUnixSeconds}`

export const someOf = (limit: number, { offset = 0 }: ReportPart): RawBuilder<unknown> =>
  sql`limit ${sql.lit(limit)} offset ${sql.lit(offset)}`

/** Trouble on our side is nobody's failure. */
const isFailure = sql`result not in ('ok', 'internal_failure')`

const unlessNewer = {
  mysql:
    'on duplicate key update remote_ip = if(values(at) >= at, values(remote_ip), remote_ip), at = greatest(at, values(at))',
  sqlite:
    'on conflict (username, protocol) do update set remote_ip = excluded.remote_ip, at = excluded.at ' +
    'where excluded.at >= homing_last_logins.at',
}

type Value = string | number | null

const eventColumns = 'at, username, result, protocol, mechanism, remote_ip, master_user, session'

function eventRow(event: LoginEvent): Value[] {
  const { at, user, result, protocol, mechanism, remoteIp, masterUser, sessionId } = event
  return [
    ...[
      at,
      keptName(user),
      keptWord(result),
      keptWord(protocol),
      optional(mechanism, keptWord),
      optional(remoteIp, keptWord),
    ],
    ...[optional(masterUser, keptName), optional(sessionId, keptWord)],
  ]
}

const lastColumns = 'username, protocol, at, remote_ip'

function lastRow({ at, user, protocol, remoteIp }: LoginEvent): Value[] {
  return [keptName(user), keptWord(protocol), at, optional(remoteIp, keptWord)]
}

/** All rows in one statement; its text is put together by hand, since Kysely takes twice as long for it as SQLite for the work. */
function rowsInto(
  table: string,
  columns: string,
  rows: readonly (readonly Value[])[],
  ending = '',
): CompiledQuery {
  const places = `(${columns.replace(/\w+/g, '?')})`
  const text = `insert into ${table} (${columns}) values ${rows.map(() => places).join(', ')} ${ending}`
  return CompiledQuery.raw(text, rows.flat())
}

function latestOf(events: readonly LoginEvent[]): Map<string, LoginEvent> {
  const latest = new Map<string, LoginEvent>()
  for (const event of events) {
    const key = JSON.stringify([keptName(event.user), keptWord(event.protocol)])
    if ((latest.get(key)?.at ?? 0) <= event.at) latest.set(key, event)
  }
  return latest
}

type Row = Readonly<Record<string, unknown>>

function numbers<const K extends string>(row: Row, ...keys: K[]): Record<K, number> {
  return Object.fromEntries(keys.map(key => [key, Number(row[key] ?? 0)])) as Record<K, number>
}

function texts<const K extends string>(row: Row, ...keys: K[]): Record<K, string> {
  return Object.fromEntries(keys.map(key => [key, row[key] === null ? '' : String(row[key])])) as Record<
    K,
    string
  >
}
