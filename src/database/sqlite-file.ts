// libsql's embedded SQLite in the shape that Kysely's SqliteDialect asks for, with prepared statements kept.

import type { SqliteDatabase, SqliteStatement } from 'kysely'
import Database from 'libsql'

const STATEMENTS_KEPT = 200

export interface SqliteFile extends SqliteDatabase {
  prepare(sql: string): KeptStatement
}

export interface KeptStatement extends SqliteStatement {
  /**
   * The first row. For a single one this is three times as quick as `all`, which leaves three native objects for the
   * collector to end one by one (libsql 0.5).
   */
  get(parameters: readonly unknown[]): unknown
}

/**
 * Opens the file. A reader cannot change it. Throws SQLITE_BUSY while another process holds it; then to be tried again.
 * Kysely prepares each query anew, which costs more than a lookup, so statements are kept by their text; SQLite
 * itself prepares them again when the tables change.
 */
export function openSqliteFile(path: string, options = { isReader: false }): SqliteFile {
  const database = new Database(path)
  try {
    prepareConnection(database, options.isReader)
  } catch (cause) {
    database.close()
    throw cause
  }
  const kept = new Map<string, KeptStatement>()
  return {
    prepare: sql => {
      const known = kept.get(sql)
      if (known) return known
      if (/^\s*(begin|commit|rollback)/i.test(sql)) return boundary(database, sql)
      const statement = wrap(database.prepare(sql), () => kept.delete(sql))
      if (!statement.reader) return statement
      if (kept.size >= STATEMENTS_KEPT) kept.delete(kept.keys().next().value ?? '')
      kept.set(sql, statement)
      return statement
    },
    close: () => {
      kept.clear()
      database.close()
    },
  }
}

/**
 * Asking a libsql statement whether it returns rows is a call into native code; asked once. A statement that failed is
 * not used again: libsql does not reset it, and what it has locked it keeps.
 */
function wrap(statement: Database.Statement, forget: () => void): KeptStatement {
  const forgotten =
    <T>(read: (parameters: readonly unknown[]) => T) =>
    (parameters: readonly unknown[]): T => {
      try {
        return read(parameters)
      } catch (cause) {
        forget()
        throw cause
      }
    }
  return {
    reader: statement.reader,
    all: forgotten(parameters => statement.all(parameters)),
    get: forgotten(parameters => statement.get(parameters)),
    run: parameters => statement.run(parameters),
    iterate: parameters => statement.iterate(parameters) as IterableIterator<unknown>,
  }
}

/** Not prepared, for the same reason: a `begin immediate` that found the file busy would keep others from committing. */
function boundary(database: Database.Database, sql: string): KeptStatement {
  return {
    reader: false,
    all: () => [],
    get: () => undefined,
    run: () => {
      database.exec(sql)
      return { changes: 0, lastInsertRowid: 0 }
    },
    iterate: () => [].values(),
  }
}

/**
 * Write-ahead log: readers do not wait for writers. `synchronous = FULL`: what was acknowledged is there after a
 * power cut. A file that cannot be written stays in the mode it has.
 */
function prepareConnection(database: Database.Database, isReader: boolean): void {
  try {
    database.pragma('journal_mode = WAL')
  } catch (cause) {
    if (!/^SQLITE_(READONLY|CANTOPEN|FULL|IOERR)/.test((cause as { code?: string }).code ?? '')) throw cause
  }
  database.pragma('synchronous = FULL')
  if (isReader) database.pragma('query_only = ON')
}
