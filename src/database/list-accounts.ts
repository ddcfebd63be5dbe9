// Lists the names in a table: page by page along the key, in bounded memory.

import { type RawBuilder, sql } from 'kysely'
import { matchesWildcard } from '../model/wildcard.js'
import type { AccountTableOptions } from './account-table.js'
import { columnText } from './column-value.js'
import { type PlacedRow, storedName } from './find-accounts.js'
import { type NameColumns, tableReference } from './name-column.js'
import type { SqlDatabase } from './sql-database.js'

const PAGE_SIZE = 1000

/**
 * Stored names in normalised form that match the mask, each once. Throws DatabaseError when it breaks off.
 * What was added or removed meanwhile may or may not be in it.
 */
export async function* listAccounts(
  database: SqlDatabase,
  options: AccountTableOptions,
  nameColumns: NameColumns,
  mask: string,
  pageSize = PAGE_SIZE,
): AsyncGenerator<string> {
  const filter = likeFilter(database, nameColumns, mask)
  // A name stored in another spelling than the login form may be stored a second time in that form. Where such
  // spellings sort apart (binary collations), capitals come first: remembering them is enough, and they are few.
  const respelled = new Set<string>()
  let previous = ''
  for await (const stored of storedNames(database, options, nameColumns, filter, pageSize)) {
    const name = options.normalise(stored)
    if (name === previous || respelled.has(name)) continue
    if (name !== stored) respelled.add(name)
    previous = name
    if (matchesWildcard(mask, name)) yield name
  }
}

async function* storedNames(
  database: SqlDatabase,
  options: AccountTableOptions,
  nameColumns: NameColumns,
  filter: RawBuilder<unknown> | undefined,
  pageSize: number,
): AsyncGenerator<string> {
  const hasDomain = nameColumns.domain !== undefined
  let after: PlacedRow | undefined
  let seen = new Set<string>()
  let size = pageSize
  for (;;) {
    const query = pageQuery(options, nameColumns, filter, after, size).compile(database.builder)
    const rows = await database.read(`list accounts in ${options.table}`, query, { isListing: true })
    const page = rows.map(row => storedName(row, hasDomain))
    const fresh = page.filter(name => !seen.has(name))
    yield* fresh
    if (rows.length < size) return
    // The next page begins with all that compare equal to the last name (`Anna` beside `ánna`), as some of them may
    // have found no room. When they alone fill a page, only a bigger one gets past them.
    if (fresh.length === 0) size *= 2
    seen = new Set(page)
    after = rows.at(-1)
  }
}

function pageQuery(
  options: AccountTableOptions,
  { user, domain }: NameColumns,
  filter: RawBuilder<unknown> | undefined,
  after: PlacedRow | undefined,
  size: number,
) {
  const columns = [
    options.columns.user,
    ...(options.columns.domain === undefined ? [] : [options.columns.domain]),
  ]
  const selected = columns.map((column, place) => sql`${sql.id(column)} as ${sql.id(`c${place}`)}`)
  const conditions = [
    ...(after ? [from(after, { user, ...(domain && { domain }) })] : []),
    ...(filter ? [filter] : []),
  ]
  const where = conditions.length > 0 ? sql`where ${sql.join(conditions, sql` and `)}` : sql``
  const order = domain ? sql`${domain.key}, ${user.key}` : user.key
  return sql<PlacedRow>`
    select ${sql.join(selected)} from ${tableReference(options.table)} ${where} order by ${order} limit ${sql.lit(size)}`
}

function from(after: PlacedRow, { user, domain }: NameColumns): RawBuilder<unknown> {
  const name = user.wanted(columnText(after.c0))
  if (!domain) return sql`${user.key} >= ${name}`
  const last = domain.wanted(columnText(after.c1))
  return sql`(${domain.key} > ${last} or (${domain.key} = ${last} and ${user.key} >= ${name}))`
}

/** LIKE is quick to refuse and slow on patterns made to be slow. */
const LIKE_MAX_LENGTH = 255
const LIKE_MAX_WILDCARDS = 6

/**
 * The mask as LIKE, so that the database sends less. It may let too much through (`?` becomes any run, since LIKE
 * counts characters otherwise than we do), never too little; absent when it would not help.
 */
function likeFilter(
  database: SqlDatabase,
  { user, domain }: NameColumns,
  mask: string,
): RawBuilder<unknown> | undefined {
  const wildcards = mask.match(/[*?]+/g)?.length ?? 0
  if (/^\**$/.test(mask) || mask.length > LIKE_MAX_LENGTH || wildcards > LIKE_MAX_WILDCARDS) return undefined
  const pattern = mask.replace(/[|%_]/g, '|$&').replace(/[*?]+/g, '%')
  if (!domain) return sql`${user.key} like ${user.wanted(pattern)} escape '|'`
  const whole =
    database.dialect === 'mysql'
      ? sql`concat(${user.key}, '@', ${domain.key})`
      : sql`${user.key} || '@' || ${domain.key}`
  // Without a domain the name is stored without `@`.
  return sql`(${whole} like ${user.wanted(pattern)} escape '|' or ${domain.key} = '' or ${domain.key} is null)`
}
