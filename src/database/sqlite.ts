// The embedded SQLite behind Kysely. One connection reads, another writes, so that no login waits for a transaction.

import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CompiledQuery as Compiled,
  type CompiledQuery,
  Kysely,
  SqliteDialect,
  type Transaction,
} from 'kysely'
import { errorCode, toDatabaseError } from './database-error.js'
import type { DatabaseSettings } from './database-settings.js'
import type { DatabaseLocation } from './database-url.js'
import type { Schema } from './schema.js'
import type { SqlDatabase } from './sql-database.js'
import { openSqliteFile, type SqliteFile } from './sqlite-file.js'
import { reportBeside } from './sqlite-report.js'

export type SqliteLocation = Extract<DatabaseLocation, { kind: 'sqlite' }>

const BUSY_RETRY_MS = 10
/** Turning on the write-ahead log needs the file for oneself, for a moment. */
const OPEN_PATIENCE_MS = 2000
/** How long a write waits for another process's write (the CLI's import, say). */
const WRITE_PATIENCE_MS = 5000

/** Opens on first use; a file that is missing is made then, readable for its owner alone. */
export function openSqlite(location: SqliteLocation, settings: DatabaseSettings): SqlDatabase {
  const isMemory = location.path === ':memory:'
  /** Set once it is open; a writer's rows may belong to a transaction that has not ended. */
  let readerFile: SqliteFile | undefined
  const openKysely = (isReader: boolean) =>
    new Kysely<Schema>({
      dialect: new SqliteDialect({
        database: async () => {
          if (!isMemory) makeFile(location.path)
          const file = await patiently(OPEN_PATIENCE_MS, async () =>
            openSqliteFile(location.path, { isReader }),
          )
          if (isReader) readerFile = file
          return file
        },
      }),
    })
  const writer = openKysely(false)
  const reader = isMemory ? writer : openKysely(true)
  const fail = (cause: unknown, statement: string) => toDatabaseError(cause, statement, location.name)

  return {
    dialect: 'sqlite',
    name: location.name,
    builder: reader,
    read: async (statement, query) => {
      try {
        return await readPatiently(reader, query, settings.database_query_timeout)
      } catch (cause) {
        throw fail(cause, statement)
      }
    },
    firstNow: query => readerFile && firstNow(readerFile, query),
    transaction: async (statement, run) => {
      try {
        return await writer.connection().execute(connection => immediately(connection, run))
      } catch (cause) {
        throw isSqliteError(cause) ? fail(cause, statement) : cause
      }
    },
    report: async <R>(statement: string, query: CompiledQuery<R>, deadlineMs: number) => {
      const { sql, parameters } = query
      try {
        if (isMemory || !existsSync(location.path)) return (await reader.executeQuery(query)).rows
        return await reportBeside<R>({ path: location.path, sql, parameters }, deadlineMs)
      } catch (cause) {
        throw fail(cause, statement)
      }
    },
    maintenance: async (options, run) => {
      if (!options.changesNothing) return writer.connection().execute(run)
      if (isMemory || existsSync(location.path)) return reader.connection().execute(run)
      const empty = new Kysely<Schema>({
        dialect: new SqliteDialect({ database: openSqliteFile(':memory:') }),
      })
      return empty
        .connection()
        .execute(run)
        .finally(() => empty.destroy())
    },
    exclusively: async ({ lockTimeoutMs }, run) => {
      try {
        return await writer.connection().execute(connection => immediately(connection, run, lockTimeoutMs))
      } catch (cause) {
        if (errorCode(cause) === 'SQLITE_BUSY') return undefined
        throw cause
      }
    },
    close: async () => {
      readerFile = undefined
      await writer.destroy()
      if (reader !== writer) await reader.destroy()
    },
  }
}

/** Takes the write lock at the start: a transaction that only finds at its end that it must wait would be lost. */
async function immediately<T>(
  connection: Kysely<Schema>,
  run: (transaction: Transaction<Schema>) => Promise<T>,
  patienceMs = WRITE_PATIENCE_MS,
): Promise<T> {
  await patiently(patienceMs, () => connection.executeQuery(Compiled.raw('begin immediate')))
  try {
    const result = await run(connection as Transaction<Schema>)
    await patiently(patienceMs, () => connection.executeQuery(Compiled.raw('commit')))
    return result
  } catch (cause) {
    await connection.executeQuery(Compiled.raw('rollback')).catch(() => {})
    throw cause
  }
}

/** The event loop never sleeps in SQLite's own busy handler: another process's lock is waited for here. */
async function patiently<T>(patienceMs: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      return await attempt()
    } catch (cause) {
      if (!/^SQLITE_(BUSY|LOCKED)/.test(errorCode(cause)) || performance.now() > deadline) throw cause
      await sleep(BUSY_RETRY_MS)
    }
  }
}

async function readPatiently<R>(
  reader: Kysely<Schema>,
  query: CompiledQuery<R>,
  patienceMs: number,
): Promise<readonly R[]> {
  const result = await patiently(patienceMs, () => reader.executeQuery(query))
  return result.rows
}

/** Past Kysely, whose promises cost a lookup three times as much as SQLite does. */
function firstNow<R>(
  file: SqliteFile,
  { sql, parameters }: CompiledQuery<R>,
): { readonly row: R | undefined } | undefined {
  try {
    return { row: file.prepare(sql).get(parameters) as R | undefined }
  } catch {
    return undefined
  }
}

/**
 * Makes the file if it is missing, and never opens one that is there: closing it would take this process's locks on
 * it from SQLite (fcntl). The next process that closes the database would then take itself for the last and delete
 * the write-ahead log under us: we would read yesterday's passwords from then on, and lose what we write.
 */
function makeFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  try {
    closeSync(openSync(path, 'ax', 0o600))
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause
  }
}

function isSqliteError(cause: unknown): boolean {
  return errorCode(cause).startsWith('SQLITE_')
}
