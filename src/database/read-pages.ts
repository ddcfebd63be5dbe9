// Reads a whole table along its names, page by page: each row once, in bounded memory.

import { type RawBuilder, sql } from 'kysely'
import { columnText } from './column-value.js'
import { type PlacedRow, storedName } from './find-accounts.js'
import type { NameColumns } from './name-column.js'
import type { SqlDatabase } from './sql-database.js'
import { tableReference } from './table-name.js'

export interface PagedRead {
  readonly table: string
  readonly key: { readonly user: string; readonly domain?: string }
  readonly nameColumns: NameColumns
  /** Further columns, found in the rows as v0, v1 …; the name is in c0 and c1. */
  readonly columns?: readonly string[]
  /** A condition on the rows. */
  readonly filter?: RawBuilder<unknown> | undefined
  readonly pageSize?: number
}

const PAGE_SIZE = 1000

/** Throws DatabaseError when it breaks off. What is added or removed meanwhile may or may not be in it. */
export async function* readPages(
  database: SqlDatabase,
  statement: string,
  read: PagedRead,
): AsyncGenerator<PlacedRow> {
  const nameOf = (row: PlacedRow) => storedName(row, read.key.domain !== undefined)
  let after: PlacedRow | undefined
  let seen = new Set<string>()
  let size = read.pageSize ?? PAGE_SIZE
  for (;;) {
    const query = pageQuery(read, after, size).compile(database.builder)
    const rows = await database.read(statement, query, { isListing: true })
    const fresh = rows.filter(row => !seen.has(nameOf(row)))
    yield* fresh
    if (rows.length < size) return
    // The next page begins with all that compare equal to the last name (`Anna` beside `ánna`), as some of them may
    // have found no room. When they alone fill a page, only a bigger one gets past them.
    if (fresh.length === 0) size *= 2
    seen = new Set(rows.map(nameOf))
    after = rows.at(-1)
  }
}

function pageQuery(read: PagedRead, after: PlacedRow | undefined, size: number) {
  const { user, domain } = read.nameColumns
  const conditions = [
    ...(after ? [from(after, read.nameColumns)] : []),
    ...(read.filter ? [read.filter] : []),
  ]
  const where = conditions.length > 0 ? sql`where ${sql.join(conditions, sql` and `)}` : sql``
  const order = domain ? sql`${domain.key}, ${user.key}` : user.key
  return sql<PlacedRow>`
    select ${selection(read)} from ${tableReference(read.table)} ${where} order by ${order} limit ${sql.lit(size)}`
}

function selection({ key, columns = [] }: PagedRead): RawBuilder<unknown> {
  const names = [key.user, ...(key.domain === undefined ? [] : [key.domain])]
  return sql.join([
    ...names.map((column, place) => sql`${sql.id(column)} as ${sql.id(`c${place}`)}`),
    ...columns.map((column, place) => sql`${sql.id(column)} as ${sql.id(`v${place}`)}`),
  ])
}

function from(after: PlacedRow, { user, domain }: NameColumns): RawBuilder<unknown> {
  const name = user.wanted(columnText(after.c0))
  if (!domain) return sql`${user.key} >= ${name}`
  const last = domain.wanted(columnText(after.c1))
  return sql`(${domain.key} > ${last} or (${domain.key} = ${last} and ${user.key} >= ${name}))`
}
