// MySQL and MariaDB behind Kysely: prepared statements, deadlines, and a second host when the first is down.

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CompiledQuery,
  Kysely,
  type MysqlPool as KyselyPool,
  MysqlDialect,
  sql,
  type Transaction,
} from 'kysely'
import { isConnectionError, isServerUnfit, toDatabaseError } from './database-error.js'
import type { DatabaseSettings } from './database-settings.js'
import type { DatabaseTls } from './database-tls.js'
import type { DatabaseLocation } from './database-url.js'
import { type MysqlAges, watchAges } from './mysql-ages.js'
import { connectMysql, type MysqlConnectionOptions } from './mysql-connection.js'
import { createMysqlPool, type LentConnection, type MysqlPool } from './mysql-pool.js'
import type { Schema } from './schema.js'
import { LISTING_FACTOR, type PoolFigures, type ReadOptions, type SqlDatabase } from './sql-database.js'

export type MysqlLocation = Extract<DatabaseLocation, { kind: 'mysql' }>

const TRANSACTION_TRIES = 3

/** Connects only when first asked. */
export function openMysql(
  location: MysqlLocation,
  settings: DatabaseSettings,
  tls: DatabaseTls | undefined,
): SqlDatabase {
  const connectMs = settings.database_connect_timeout
  const queryMs = settings.database_query_timeout
  const open = (use: PoolUse) => openPool(location, settings, tls, use)
  const ages =
    location.hosts.length > 1
      ? watchAges({
          hosts: location.hosts,
          connect: (host, onLost) =>
            connectMysql(host, connectionOptions(location, settings, tls, queryMs), onLost),
        })
      : undefined
  const isAvoided = (rank: number) => ages?.isBehind(rank) === true
  const lookups = open({ size: settings.database_pool_size, queryTimeoutMs: queryMs, isAvoided })
  const listings = open({ size: 2, queryTimeoutMs: queryMs * LISTING_FACTOR, isAvoided })
  // Hosts of their own, too: after a failover one may answer reads and refuse writes.
  const writes = open({ size: 2, queryTimeoutMs: queryMs * LISTING_FACTOR, isForWrites: true })
  const writer = kyselyOver(writes)

  const maintenance: SqlDatabase['maintenance'] = async ({ statementTimeoutMs }, run) => {
    const pool = open({ size: 1, queryTimeoutMs: statementTimeoutMs })
    try {
      return await kyselyOver(pool).connection().execute(run)
    } finally {
      await pool.close()
    }
  }

  return {
    dialect: 'mysql',
    name: location.name,
    builder: kyselyOver(lookups),
    read: async (statement, query, options = {}) => {
      const pool = options.isListing ? listings : lookups
      const limitMs = options.isListing ? (connectMs + queryMs) * LISTING_FACTOR : connectMs + queryMs
      try {
        const reading = readTwice(pool, query)
        return await within(limitMs, ages ? youngEnough(ages, reading, pool, query, options) : reading)
      } catch (cause) {
        throw toDatabaseError(cause, statement, location.name)
      }
    },
    report: async (statement, query, deadlineMs) => {
      const options = { statementTimeoutMs: deadlineMs, changesNothing: true }
      const asking = maintenance(options, async connection => {
        await endAfter(connection, deadlineMs)
        return rowsThrough(connection, query)
      })
      try {
        return await within(deadlineMs, asking)
      } catch (cause) {
        throw toDatabaseError(cause, statement, location.name)
      }
    },
    transaction: (statement, run) => transact(writer, statement, location.name, run),
    maintenance,
    exclusively: ({ lockTimeoutMs, ...options }, run) =>
      maintenance(options, connection => locked(connection, location.database, lockTimeoutMs, run)),
    pool: () => withWrites(lookups.figures, writes.figures),
    close: async () => {
      await ages?.close()
      await Promise.all([lookups, listings, writes].map(pool => pool.close()))
    },
  }
}

/** What the pool that writes knows of the hosts. */
function withWrites(figures: PoolFigures, writes: PoolFigures): PoolFigures {
  const hosts = figures.hosts.map((host, rank) => {
    const takesWrites = host.isUp && writes.hosts[rank]?.isUp !== false
    const reason = host.reason ?? writes.hosts[rank]?.reason
    return { ...host, takesWrites, ...(reason !== undefined && { reason }) }
  })
  return { ...figures, hosts }
}

function connectionOptions(
  location: MysqlLocation,
  settings: DatabaseSettings,
  tls: DatabaseTls | undefined,
  queryTimeoutMs: number,
): MysqlConnectionOptions {
  return {
    user: location.user,
    password: location.password ?? (settings.database_password || undefined),
    database: location.database,
    tls,
    connectTimeoutMs: settings.database_connect_timeout,
    queryTimeoutMs,
  }
}

interface PoolUse {
  readonly size: number
  readonly queryTimeoutMs: number
  /** A host that was found read-only is used again when it no longer is. */
  readonly isForWrites?: boolean
  readonly isAvoided?: (rank: number) => boolean
}

const answersAtAll = { sql: 'select 1', isGood: () => true }
const takesWrites = {
  sql: 'select @@global.read_only as read_only',
  isGood: (rows: unknown) => Number((rows as { read_only?: unknown }[])[0]?.read_only) === 0,
}

function openPool(
  location: MysqlLocation,
  settings: DatabaseSettings,
  tls: DatabaseTls | undefined,
  use: PoolUse,
): MysqlPool {
  const connection = connectionOptions(location, settings, tls, use.queryTimeoutMs)
  return createMysqlPool({
    hosts: location.hosts,
    size: use.size,
    connectTimeoutMs: settings.database_connect_timeout,
    acquireTimeoutMs: use.queryTimeoutMs,
    idleTimeoutMs: settings.database_idle_timeout,
    ...(use.isAvoided && { isAvoided: use.isAvoided }),
    probe: use.isForWrites ? takesWrites : answersAtAll,
    connect: (host, onLost) => connectMysql(host, connection, onLost),
  })
}

function kyselyOver(pool: MysqlPool): Kysely<Schema> {
  const kyselyPool: KyselyPool = {
    getConnection: callback => {
      pool.acquire().then(
        lent => callback(null, forKysely(lent)),
        cause => callback(cause, undefined as never),
      )
    },
    end: callback => {
      pool.close().then(() => callback(null), callback)
    },
  }
  return new Kysely<Schema>({ dialect: new MysqlDialect({ pool: async () => kyselyPool }) })
}

/** Rows → the place of the host that gave them. */
const answeredBy = new WeakMap<object, number>()

type KyselyConnection = Parameters<Parameters<KyselyPool['getConnection']>[0]>[1]

function forKysely(lent: LentConnection): KyselyConnection {
  return {
    release: lent.release,
    query: (sql: string, parameters: unknown, callback?: (error: unknown, result: unknown) => void) =>
      ask(lent, sql, parameters as readonly unknown[], (error, result) => callback?.(error, result)),
  } as KyselyConnection
}

/** A server that turned read-only is left on the spot: the next acquire goes elsewhere (mysql2#2050). */
function ask(
  lent: LentConnection,
  sql: string,
  parameters: readonly unknown[],
  done: (error: unknown, result: unknown) => void,
): void {
  lent.query(sql, bound(parameters), (error, result) => {
    if (isServerUnfit(error)) lent.discard(error)
    done(error, result)
  })
}

/** mysql2 sends numbers as DOUBLE, which some columns and LIMIT do not take; as text every column takes them. */
function bound(parameters: readonly unknown[]): readonly unknown[] {
  return parameters.some(isNumber)
    ? parameters.map(value => (isNumber(value) ? String(value) : value))
    : parameters
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint'
}

async function readTwice<R>(pool: MysqlPool, query: CompiledQuery<R>): Promise<readonly R[]> {
  try {
    return await readRows(pool, query)
  } catch (cause) {
    if (!isConnectionError(cause)) throw cause
    return readRows(pool, query)
  }
}

/**
 * The rows, if their host has what was changed; read again where it has caught up meanwhile. Whom they are too old for
 * is told by name, so that the others are answered.
 */
async function youngEnough<R>(
  ages: MysqlAges,
  reading: Promise<readonly R[]>,
  pool: MysqlPool,
  query: CompiledQuery<R>,
  { about, mustBeNewest }: ReadOptions,
): Promise<readonly R[]> {
  const rows = await reading
  const host = answeredBy.get(rows)
  if (host === undefined) return rows
  if (mustBeNewest && ages.isBehind(host)) throw behind()
  if (!about || ages.tooOldSoFar(host, about.names).length === 0) return rows
  // Asked before the rows are read again: what they hold is at least as new as that.
  const tooOld = await ages.tooOld(host, about.names)
  const again = await readTwice(pool, query)
  const then = answeredBy.get(again) ?? host
  for (const name of then === host ? tooOld : ages.tooOldSoFar(then, about.names)) about.tooOld.add(name)
  return again
}

function behind(): Error {
  return Object.assign(new Error('the replica that answers is behind'), { code: 'HOMING_DATABASE_BEHIND' })
}

/** Past Kysely, whose promises take a lookup longer than the driver does. */
async function readRows<R>(pool: MysqlPool, { sql, parameters }: CompiledQuery<R>): Promise<readonly R[]> {
  const lent = await pool.acquire()
  return new Promise((resolve, reject) => {
    ask(lent, sql, parameters, (error, result) => {
      lent.release()
      if (error) return reject(error)
      if (!Array.isArray(result)) return reject(withoutRows())
      answeredBy.set(result, lent.rank)
      resolve(result)
    })
  })
}

async function rowsThrough<R>(connection: Kysely<Schema>, query: CompiledQuery<R>): Promise<readonly R[]> {
  const { rows, numAffectedRows } = await connection.executeQuery(query)
  if (numAffectedRows === undefined) return rows
  throw withoutRows()
}

/** A server that says "done" to a question has not said that there are no rows. */
function withoutRows(): Error {
  return Object.assign(new Error('an answer without rows'), { code: 'HOMING_DATABASE_PROTOCOL' })
}

async function transact<T>(
  kysely: Kysely<Schema>,
  statement: string,
  name: string,
  run: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await kysely.transaction().execute(run)
    } catch (cause) {
      if (!isDriverError(cause)) throw cause
      if (tries >= TRANSACTION_TRIES || !nothingHappened(cause)) throw toDatabaseError(cause, statement, name)
      await sleep(20 * tries)
    }
  }
}

/** Makes the server end what nobody waits for any more: MariaDB's word for it, or MySQL's. */
async function endAfter(connection: Kysely<Schema>, limitMs: number): Promise<void> {
  const set = (what: string) => sql`set session ${sql.raw(what)}`.execute(connection)
  await set(`max_statement_time = ${limitMs / 1000}`).catch(cause => {
    if (isConnectionError(cause)) throw cause
    return set(`max_execution_time = ${limitMs}`).catch(() => {})
  })
}

const LOCK_POLL_MS = 100

/** A lock of the server's, gone with the connection: a copy that crashes blocks nobody. */
async function locked<T>(
  connection: Kysely<Schema>,
  database: string,
  timeoutMs: number,
  run: (connection: Kysely<Schema>) => Promise<T>,
): Promise<T | undefined> {
  const name = `homing migrate ${createHash('sha256').update(database).digest('hex').slice(0, 32)}`
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const { rows } = await sql<{ locked: unknown }>`select get_lock(${name}, 0) as locked`.execute(connection)
    if (Number(rows[0]?.locked) === 1) break
    if (performance.now() > deadline) return undefined
    await sleep(LOCK_POLL_MS)
  }
  try {
    return await run(connection)
  } finally {
    await sql`select release_lock(${name})`.execute(connection).catch(() => {})
  }
}

/** The server said itself that it did nothing: read-only, not in its cluster, deadlock (also Galera's certification). */
function nothingHappened(cause: unknown): boolean {
  return isServerUnfit(cause) || (cause as { errno?: unknown }).errno === 1213
}

function isDriverError(cause: unknown): boolean {
  return typeof (cause as { code?: unknown } | null)?.code === 'string'
}

function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const message = `no answer within ${limitMs} ms, all tries together`
      reject(Object.assign(new Error(message), { code: 'HOMING_DATABASE_TIMEOUT' }))
    }, limitMs)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
