// The index in which MySQL and MariaDB are told to look names up.
//
// They choose by their statistics, which a thread of theirs writes some time after the rows. After a crash in between these
// say that a table of a million rows is empty (mysql.innodb_table_stats), until somebody says ANALYZE; and in an "empty"
// table four names are looked for by reading it all.

import { sql } from 'kysely'
import type { SqlDatabase } from './sql-database.js'
import { tableParts } from './table-name.js'

/** A row of information_schema.statistics; what only one of the two servers has may be absent. */
interface IndexedColumn {
  readonly INDEX_NAME: string
  readonly COLUMN_NAME: string | null
  readonly SEQ_IN_INDEX: number
  readonly NON_UNIQUE: number
  readonly INDEX_TYPE: string
  readonly IS_VISIBLE?: string
  readonly IGNORED?: string
}

interface Index {
  readonly name: string
  /** In lower case, in their order. */
  readonly columns: readonly string[]
  readonly isUnique: boolean
}

/**
 * The index that begins with the column of user names, or with both columns of them; one that allows a name once before one
 * that does not. Undefined where there is none, as on a view. Rejects with a DatabaseError.
 */
export async function lookUpNameIndex(
  database: SqlDatabase,
  table: string,
  { user, domain }: { readonly user: string; readonly domain?: string },
): Promise<string | undefined> {
  const { schema, name } = tableParts(table)
  const query = sql<IndexedColumn>`
    select * from information_schema.statistics
    where table_schema = ${schema === undefined ? sql`database()` : schema} and table_name = ${name}`
  const indexes = indexesOf(await database.read(`indexes of ${table}`, query.compile(database.builder)))
  const serving = indexes.filter(index => serves(index, user.toLowerCase(), domain?.toLowerCase()))
  return (serving.find(({ isUnique }) => isUnique) ?? serving[0])?.name
}

function indexesOf(rows: readonly IndexedColumn[]): Index[] {
  const byName = new Map<string, IndexedColumn[]>()
  for (const row of rows.filter(isInUse)) {
    byName.set(row.INDEX_NAME, [...(byName.get(row.INDEX_NAME) ?? []), row])
  }
  return [...byName].map(([name, columns]) => ({
    name,
    columns: columns
      .toSorted((a, b) => a.SEQ_IN_INDEX - b.SEQ_IN_INDEX)
      .map(column => (column.COLUMN_NAME ?? '').toLowerCase()),
    isUnique: columns.every(column => Number(column.NON_UNIQUE) === 0),
  }))
}

/** MySQL has indexes that are invisible, MariaDB ignored ones: neither may be named in a query. */
function isInUse({ INDEX_TYPE, IS_VISIBLE, IGNORED }: IndexedColumn): boolean {
  return INDEX_TYPE === 'BTREE' && IS_VISIBLE !== 'NO' && IGNORED !== 'YES'
}

function serves({ columns: [first, second] }: Index, user: string, domain: string | undefined): boolean {
  return first === user || (domain !== undefined && first === domain && second === user)
}
