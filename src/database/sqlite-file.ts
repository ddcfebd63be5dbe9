// libsql's embedded SQLite in the shape that Kysely's SqliteDialect asks for, with prepared statements kept.

import type { SqliteDatabase, SqliteStatement } from 'kysely'
import Database from 'libsql'

const STATEMENTS_KEPT = 200

/**
 * Opens the file. A reader cannot change it. Kysely prepares each query anew, which costs more than a lookup, so
 * statements are kept by their text; SQLite itself prepares them again when the tables change.
 */
export function openSqliteFile(path: string, options: { isReader: boolean }): SqliteDatabase {
  const database = new Database(path)
  prepareConnection(database, options.isReader)
  const kept = new Map<string, SqliteStatement>()
  return {
    prepare: sql => {
      const known = kept.get(sql)
      if (known) return known
      const statement = wrap(database.prepare(sql))
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

/** Asking a libsql statement whether it returns rows is a call into native code; asked once. */
function wrap(statement: Database.Statement): SqliteStatement {
  return {
    reader: statement.reader,
    all: parameters => statement.all(parameters),
    run: parameters => statement.run(parameters),
    iterate: parameters => statement.iterate(parameters) as IterableIterator<unknown>,
  }
}

/**
 * Write-ahead log: readers do not wait for writers. `synchronous = FULL`: what was acknowledged is there after a
 * power cut. A file on a read-only file system stays in the mode it has.
 */
function prepareConnection(database: Database.Database, isReader: boolean): void {
  try {
    database.pragma('journal_mode = WAL')
  } catch (cause) {
    if (!/^SQLITE_(READONLY|BUSY|CANTOPEN|FULL|IOERR)/.test((cause as { code?: string }).code ?? ''))
      throw cause
  }
  database.pragma('synchronous = FULL')
  if (isReader) database.pragma('query_only = ON')
}
