// Finds the rows of a user for a change, and says which bytes the row has that is changed.

import { type RawBuilder, sql, type Transaction } from 'kysely'
import { columnText } from './column-value.js'
import { BATCH_SIZE, type PlacedRow, splitName, storedName } from './find-accounts.js'
import { type NameColumn, type NameColumns, searchedTable } from './name-column.js'
import type { Schema } from './schema.js'

/** One transaction on one table. */
export interface RowSearch {
  readonly table: string
  readonly key: { readonly user: string; readonly domain?: string }
  readonly nameColumns: NameColumns
  readonly normalise: (storedName: string) => string
  readonly transaction: Transaction<Schema>
  readonly isMysql: boolean
  /** Rows that were found stay as they are until the end. */
  readonly locks: boolean
}

/** Without strict mode MySQL cuts a hash that is too long for its column, and nobody logs in. */
export async function refuseCutting(transaction: Transaction<Schema>): Promise<void> {
  await sql`set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'`.execute(transaction)
}

/** The stored names that are this user's by the login rules. */
export async function rowsOf(search: RowSearch, user: string): Promise<PlacedRow[]> {
  const { key, nameColumns, normalise } = search
  const columns = [key.user, ...(key.domain === undefined ? [] : [key.domain])]
  const selected = columns.map((column, place) => sql`${sql.id(column)} as ${sql.id(`c${place}`)}`)
  const { rows } = await sql<PlacedRow>`
    select ${sql.join(selected)} from ${searchedTable(search.table, nameColumns)}
    where ${candidates(nameColumns, user)} limit ${sql.lit(BATCH_SIZE)} ${search.locks ? sql`for update` : sql``}`.execute(
    search.transaction,
  )
  return rows.filter(row => normalise(storedName(row, key.domain !== undefined)) === user)
}

function candidates({ user, domain }: NameColumns, name: string): RawBuilder<unknown> {
  if (!domain) return sql`${user.key} = ${user.wanted(name)}`
  const [local, rest] = splitName(name)
  return sql`${user.key} = ${user.wanted(local)} and ${domain.key} = ${domain.wanted(rest)}`
}

/** The row whose stored name has these very bytes: where the key is not unique, `ánna` is found as `anna` too. */
export function exactly(search: RowSearch, row: PlacedRow): RawBuilder<unknown> {
  const { key, nameColumns, isMysql } = search
  const same = (column: string, by: NameColumn, stored: unknown) => {
    const bytes = isMysql
      ? sql`cast(convert(${sql.id(column)} using utf8mb4) as binary) = cast(${stored} as binary)`
      : sql`${sql.id(column)} collate binary = ${stored}`
    // Where names are folded to be compared, only the column itself can use an index; the same bytes are equal to it.
    const found = by.readsWholeTable
      ? sql`${sql.id(column)} = ${stored}`
      : sql`${by.key} = ${by.wanted(columnText(stored))}`
    return sql`${found} and ${bytes}`
  }
  const user = same(key.user, nameColumns.user, row.c0)
  if (key.domain === undefined || !nameColumns.domain) return user
  return sql`${user} and ${same(key.domain, nameColumns.domain, row.c1)}`
}
