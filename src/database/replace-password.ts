// A stored password in the place of another, if that still is the one it was: compare-and-swap on one row.

import { type RawBuilder, sql } from 'kysely'
import type { PasswordReplacement } from '../model/passdb.js'
import type { AccountTableOptions } from './account-table.js'
import { exactly, refuseCutting, rowsOf } from './exact-row.js'
import type { NameColumns } from './name-column.js'
import type { AccountChange, Changes } from './record-change.js'
import type { SqlDatabase } from './sql-database.js'
import { tableReference } from './table-name.js'

export interface Replacing {
  /** The normalised login name. */
  readonly user: string
  readonly stored: string
  readonly replacement: string
}

/**
 * `changed_meanwhile` also when the user is gone, or is several rows by now. Rejects with a DatabaseError: a value
 * that is longer than the column too is refused by the database, not cut.
 */
export async function replacePassword(
  database: SqlDatabase,
  { table, columns, normalise }: AccountTableOptions,
  nameColumns: NameColumns,
  { user, stored, replacement }: Replacing,
  changes: Changes,
): Promise<Exclude<PasswordReplacement['result'], 'failed'>> {
  const { password, domain } = columns
  if (password === undefined) throw new TypeError(`${table} has no role password`)
  const key = { user: columns.user, ...(domain !== undefined && { domain }) }
  const isMysql = database.dialect === 'mysql'
  const change: AccountChange = { table, users: [user], kind: 'rehash' }
  const result = await database.transaction(`replace a password in ${table}`, async transaction => {
    if (isMysql) await refuseCutting(transaction)
    // Nothing is locked before the update: where names are compared letter by letter that would be the whole table.
    const search = { table, key, nameColumns, normalise, transaction, isMysql, locks: false }
    const [row, another] = await rowsOf(search, user)
    if (!row || another) return 'changed_meanwhile'
    const { numAffectedRows } = await sql`
      update ${tableReference(table)} set ${sql.id(password)} = ${replacement}
      where ${exactly(search, row)} and ${sameText(isMysql, sql.id(password), stored)}`.execute(transaction)
    if (numAffectedRows !== 1n) return 'changed_meanwhile'
    await changes.record(transaction, change)
    return 'replaced'
  })
  if (result === 'replaced') await changes.made(database, change)
  return result
}

/** To the byte: a collation would call `$6$a…` and `$6$A…` the same. */
function sameText(isMysql: boolean, column: RawBuilder<unknown>, text: string): RawBuilder<unknown> {
  return isMysql
    ? sql`cast(convert(${column} using utf8mb4) as binary) = cast(${text} as binary)`
    : sql`cast(${column} as blob) = cast(${text} as blob)`
}
