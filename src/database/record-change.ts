// Writes down each change of an account in the transaction that makes it, so that no copy goes on with what was.

import { type CompiledQuery, sql, type Transaction } from 'kysely'
import { type ChangeKind, isAbsent, type RequestKind } from './change-log.js'
import type { Schema } from './schema.js'
import type { SqlDatabase } from './sql-database.js'

export interface AccountChange {
  readonly table: string
  /** Normalised login names. */
  readonly users: readonly string[]
  readonly kind: ChangeKind
}

/** What whoever changes accounts in one database calls. */
export interface Changes {
  /** Within the transaction, as its last statement: then the change is young when it becomes visible. */
  record(transaction: Transaction<Schema>, change: AccountChange): Promise<void>
  /** After the commit. Never rejects. */
  made(database: SqlDatabase, change: AccountChange): Promise<void>
}

export interface ChangesDeps {
  readonly name: string
  readonly warn: (message: string) => void
  readonly changed: (change: AccountChange) => void
}

/** A table that is missing or closed to us does not undo the change: then the operator is told, once. */
export function createChanges({ name, warn, changed }: ChangesDeps): Changes {
  let hasWarned = false
  let newestId = 0
  return {
    record: async (transaction, { table, users, kind }) => {
      if (users.length === 0) return
      const id = await insertRows(
        transaction,
        users.map(user => [table, user, kind]),
      )
      if (id !== undefined) newestId = Math.max(newestId, id)
      else if (!hasWarned) {
        hasWarned = true
        warn(
          `${name}: homing_changes cannot be written, so copies that cache learn of changes only when their entries ` +
            'expire; homing migrate makes the table, and INSERT on it must be granted',
        )
      }
    },
    made: async (database, change) => {
      if (Math.random() < change.users.length / CHANGES_PER_PRUNING) await prune(database, newestId)
      if (change.users.length > 0) changed(change)
    },
  }
}

/** A request to all copies, in the same table: it is heard in its turn. Its id. Rejects where it cannot be written. */
export async function recordRequest(
  transaction: Transaction<Schema>,
  kind: RequestKind,
  mask: string,
): Promise<number> {
  const id = await insertRows(transaction, [['', mask, kind]])
  if (id === undefined) throw new Error('homing_changes cannot be written; homing migrate makes the table')
  return id
}

const ROWS_PER_INSERT = 250
const LONGEST_TABLE_NAME = 190

/** The id of one of them; undefined where the table is missing or closed to us. */
async function insertRows(
  transaction: Transaction<Schema>,
  rows: readonly (readonly [table: string, user: string, kind: string])[],
): Promise<number | undefined> {
  let id: bigint | undefined
  for (let at = 0; at < rows.length; at += ROWS_PER_INSERT) {
    const some = rows.slice(at, at + ROWS_PER_INSERT)
    // Compiling many parameters takes longer than running them: one row is, and repeated as text.
    const one = sql`insert into homing_changes (account_table, username, kind) values `.compile(transaction)
    const query: CompiledQuery = {
      ...one,
      sql: one.sql + new Array(some.length).fill('(?, ?, ?)').join(', '),
      parameters: some.flatMap(([table, user, kind]) => [table.slice(0, LONGEST_TABLE_NAME), user, kind]),
    }
    try {
      id = (await transaction.executeQuery(query)).insertId
    } catch (cause) {
      if (isAbsent(cause)) return undefined
      throw cause
    }
  }
  return id === undefined ? undefined : Number(id)
}

/** Readers are a minute behind at most, and take all for changed once they have missed something. */
const KEPT_IDS = 20_000
const PRUNED_AT_ONCE = 5000
const CHANGES_PER_PRUNING = 256
const DAY_MS = 86_400_000

/** Deletes a part of what nobody reads any more; whoever writes next deletes another. Never rejects. */
async function prune(database: SqlDatabase, newestId: number): Promise<void> {
  const last = newestId - KEPT_IDS
  if (last <= 0) return
  const old = sql`select id from homing_changes where id <= ${last} order by id limit ${PRUNED_AT_ONCE}`
  await database
    .transaction('prune changes', async transaction => {
      // MySQL does not delete from a table that a subquery reads, unless that has become a table of its own.
      await sql`delete from homing_changes where id in (select id from (${old}) old)`.execute(transaction)
      await sql`delete from homing_answers where request <= ${last}`.execute(transaction)
      await sql`delete from homing_copies where seen < ${nowMs(database.dialect)} - ${DAY_MS}`.execute(
        transaction,
      )
    })
    .catch(() => {})
}

/** The database's own clock, in milliseconds: those of the copies may differ. */
export function nowMs(dialect: SqlDatabase['dialect']): ReturnType<typeof sql> {
  return dialect === 'mysql'
    ? sql`cast(unix_timestamp(current_timestamp(3)) * 1000 as signed)`
    : sql`cast((julianday('now') - 2440587.5) * 86400000 as integer)`
}
