// Every stored password of a table, for who counts what they are: page by page, in bounded memory.

import { sql } from 'kysely'
import type { AccountTableOptions, StoredPasswordRow } from './account-table.js'
import { columnText } from './column-value.js'
import { storedName } from './find-accounts.js'
import type { NameColumns } from './name-column.js'
import { readPages } from './read-pages.js'
import type { SqlDatabase } from './sql-database.js'
import { tableReference } from './table-name.js'

/** Throws DatabaseError when it breaks off. */
export async function* listPasswords(
  database: SqlDatabase,
  { table, columns, normalise }: AccountTableOptions,
  nameColumns: NameColumns,
  pageSize?: number,
): AsyncGenerator<StoredPasswordRow> {
  const { user, domain, password } = columns
  if (password === undefined) throw new TypeError(`${table} has no role password`)
  const key = { user, ...(domain !== undefined && { domain }) }
  const pages = { table, key, nameColumns, columns: [password], ...(pageSize && { pageSize }) }
  for await (const row of readPages(database, `read the passwords of ${table}`, pages)) {
    yield { user: normalise(storedName(row, domain !== undefined)), stored: columnText(row.v0) }
  }
}

/** How many rows the table has. Rejects with a DatabaseError. */
export async function countRows(database: SqlDatabase, table: string): Promise<number> {
  const query = sql<{ rows: unknown }>`select count(*) as ${sql.id('rows')} from ${tableReference(table)}`
  const [counted] = await database.read(`count ${table}`, query.compile(database.builder), {
    isListing: true,
  })
  return Number(counted?.rows ?? 0)
}
