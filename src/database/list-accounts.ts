// Lists the names in a table: page by page along the key, in bounded memory.

import { type RawBuilder, sql } from 'kysely'
import { matchesWildcard } from '../model/wildcard.js'
import type { AccountTableOptions } from './account-table.js'
import { storedName } from './find-accounts.js'
import type { NameColumns } from './name-column.js'
import { readPages } from './read-pages.js'
import type { SqlDatabase } from './sql-database.js'

/**
 * Stored names in normalised form that match the mask, each once. Throws DatabaseError when it breaks off.
 * What was added or removed meanwhile may or may not be in it.
 */
export async function* listAccounts(
  database: SqlDatabase,
  options: AccountTableOptions,
  nameColumns: NameColumns,
  mask: string,
  pageSize?: number,
): AsyncGenerator<string> {
  const { table, columns: key } = options
  const filter = likeFilter(database, nameColumns, mask)
  const pages = { table, key, nameColumns, filter, ...(pageSize && { pageSize }) }
  // A name stored in another spelling than the login form may be stored a second time in that form. Where such
  // spellings sort apart (binary collations), capitals come first: remembering them is enough, and they are few.
  const respelled = new Set<string>()
  let previous = ''
  for await (const row of readPages(database, `list accounts in ${table}`, pages)) {
    const stored = storedName(row, key.domain !== undefined)
    const name = options.normalise(stored)
    if (name === previous || respelled.has(name)) continue
    if (name !== stored) respelled.add(name)
    previous = name
    if (matchesWildcard(mask, name)) yield name
  }
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
