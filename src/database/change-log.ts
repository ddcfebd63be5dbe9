// The table of changes, as every copy reads it that caches. record-change.ts writes it.

import { sql } from 'kysely'
import { DatabaseError, errorCode } from './database-error.js'
import type { SqlDatabase } from './sql-database.js'

/** What was done to an account. */
export type ChangeKind = 'add' | 'set' | 'delete' | 'rehash' | 'import'

/** What copies are asked: to forget whom a mask means, to tell their statistics, to begin those anew. */
export type RequestKind = 'flush' | 'status' | 'reset'

export interface ChangeRow {
  readonly id: number
  /** A normalised login name; of a request a mask; empty: everybody. */
  readonly user: string
  readonly kind: ChangeKind | RequestKind
}

/** `absent`: there is no such table, or it may not be read; nothing can be followed here before somebody sees to it. */
export type ChangesRead =
  | { readonly result: 'rows'; readonly rows: readonly ChangeRow[] }
  | { readonly result: 'absent' | 'failed'; readonly cause: DatabaseError }

export interface ChangeLog {
  /** The database without its password. */
  readonly name: string
  /** The newest so many, oldest first. Never rejects. */
  newest(count: number): Promise<ChangesRead>
  /** From this id on, oldest first, so many at most. Never rejects. */
  from(id: number, limit: number): Promise<ChangesRead>
}

interface StoredRow {
  readonly id: unknown
  readonly username: unknown
  readonly kind: unknown
}

export function openChangeLog(name: string, open: () => Promise<SqlDatabase>): ChangeLog {
  const read = async (query: ReturnType<typeof sql<StoredRow>>): Promise<ChangesRead> => {
    try {
      const database = await open()
      const rows = await database.read('read changes', query.compile(database.builder), {
        mustBeNewest: true,
      })
      return { result: 'rows', rows: rows.map(changeRow).sort((a, b) => a.id - b.id) }
    } catch (cause) {
      if (!(cause instanceof DatabaseError)) throw cause
      return { result: isAbsent(cause) ? 'absent' : 'failed', cause }
    }
  }
  return {
    name,
    newest: count =>
      read(sql<StoredRow>`select id, username, kind from homing_changes order by id desc limit ${count}`),
    from: (id, limit) =>
      read(sql<StoredRow>`
        select id, username, kind from homing_changes where id >= ${id} order by id limit ${limit}`),
  }
}

function changeRow({ id, username, kind }: StoredRow): ChangeRow {
  return { id: Number(id), user: String(username), kind: String(kind) as ChangeRow['kind'] }
}

/** The table is not there, or not for us: a database that is not ours to migrate, or not migrated yet. */
export function isAbsent(cause: unknown): boolean {
  const code = errorCode(cause)
  if (/^ER_(NO_SUCH_TABLE|TABLEACCESS_DENIED_ERROR|COLUMNACCESS_DENIED_ERROR)$/.test(code)) return true
  return code.startsWith('SQLITE_') && /no such table/.test((cause as Error).message)
}
