// How a column of names is searched so that every spelling of a name is found, on every collation.

import { type RawBuilder, sql } from 'kysely'
import { lookUpNameIndex } from './name-index.js'
import type { Dialect, SqlDatabase } from './sql-database.js'
import { tableParts, tableReference } from './table-name.js'

/**
 * The collation only has to find every candidate; whether a row is the wanted user's is decided elsewhere, by the
 * login rules. So a search may find too much and must never find too little.
 */
export interface NameColumn {
  /** The column as it is compared and ordered. */
  readonly key: RawBuilder<unknown>
  /** A wanted name in the same form. */
  wanted(name: string): RawBuilder<unknown>
  /** No index can serve this comparison: each lookup reads the whole table. */
  readonly readsWholeTable: boolean
}

export interface NameColumns {
  readonly user: NameColumn
  /** Present when the name stands in two columns. */
  readonly domain?: NameColumn
  /** The index to search in, where the server must be told. */
  readonly index?: string
}

interface Collation {
  readonly charset: string | null
  readonly collation: string | null
  /** Takes every capital from A to Z for its small letter, wherever it stands. */
  readonly foldsCase: boolean
}

/** The table as it is searched for names. */
export function searchedTable(table: string, { index }: NameColumns): RawBuilder<unknown> {
  const reference = tableReference(table)
  return index === undefined ? reference : sql`${reference} force index (${sql.id(index)})`
}

/** Asks the database about the columns. Rejects with a DatabaseError. */
export async function lookUpNameColumns(
  database: SqlDatabase,
  table: string,
  columns: { readonly user: string; readonly domain?: string },
): Promise<NameColumns> {
  const isMysql = database.dialect === 'mysql'
  const collations = isMysql ? await lookUpCollations(database, table, columns) : new Map()
  const column = (name: string) => nameColumn(database.dialect, name, collations.get(name.toLowerCase()))
  const user = column(columns.user)
  const index = isMysql && !user.readsWholeTable ? await lookUpNameIndex(database, table, columns) : undefined
  return {
    user,
    ...(columns.domain === undefined ? {} : { domain: column(columns.domain) }),
    ...(index !== undefined && { index }),
  }
}

async function lookUpCollations(
  database: SqlDatabase,
  table: string,
  columns: { readonly user: string; readonly domain?: string },
): Promise<Map<string, Collation>> {
  const { schema, name } = tableParts(table)
  const wanted = [columns.user, columns.domain ?? columns.user]
  const query = sql<{ name: string; charset: string | null; collation: string | null }>`
    select column_name as name, character_set_name as charset, collation_name as collation
    from information_schema.columns
    where table_schema = ${schema === undefined ? sql`database()` : schema} and table_name = ${name}
      and column_name in (${sql.join(wanted)})`
  const rows = await database.read(`columns of ${table}`, query.compile(database.builder))
  const collations = rows.map(async row => {
    const foldsCase = await doesFoldCase(database, row.charset, row.collation)
    return [row.name.toLowerCase(), { ...row, foldsCase }] as const
  })
  return new Map(await Promise.all(collations))
}

/** Every two letters beside each other: Czech sorts ch, and Danish aa, as one, and takes cH and aA for two. */
function pairs(first: (letter: string) => string, second: (letter: string) => string): string {
  const letters = [...'abcdefghijklmnopqrstuvwxyz']
  return letters.flatMap(one => letters.map(other => first(one) + second(other))).join(',')
}

const asIs = (letter: string) => letter
const capital = (letter: string) => letter.toUpperCase()
const smallPairs = pairs(asIs, asIs)
const capitalPairs = [pairs(capital, asIs), pairs(asIs, capital), pairs(capital, capital)]

/**
 * Asked of the server, whose names for collations tell little: cp866_general_ci takes J and j for two, latin7_general_ci T
 * and t, and Turkish ones I and i.
 */
async function doesFoldCase(
  database: SqlDatabase,
  charset: string | null,
  collation: string | null,
): Promise<boolean> {
  if (charset === null || collation === null) return false
  const of = (text: string) =>
    sql`convert(${text} using ${sql.raw(word(charset))}) collate ${sql.raw(word(collation))}`
  const equal = capitalPairs.map(spelling => sql`${of(smallPairs)} = ${of(spelling)}`)
  const query = sql<{ folds: unknown }>`select ${sql.join(equal, sql` and `)} as folds`
  const [answer] = await database.read(`letters in ${collation}`, query.compile(database.builder))
  return Number(answer?.folds) === 1
}

function nameColumn(dialect: Dialect, name: string, found: Collation | undefined): NameColumn {
  const column = sql.id(name)
  if (dialect === 'sqlite') return plain(sql`${column} collate nocase`, name => sql`${name}`)
  if (!found) return plain(column, name => sql`${name}`) // the query itself will say what is wrong
  const { charset, collation, foldsCase } = found
  if (charset !== null && collation !== null && foldsCase)
    return plain(column, inCharsetOf(charset, collation))
  // Not lower() in the column's own collation: to a Turkish one the small letter of I is none that we know.
  return folded(sql`convert(${column} using utf8mb4)`, name => sql`${name}`)
}

/**
 * A name that the column's character set cannot hold is an error to MySQL ("illegal mix of collations"), and one
 * such name would spoil the query of all others; converted, it becomes a name with question marks.
 */
function inCharsetOf(charset: string, collation: string): (name: string) => RawBuilder<unknown> {
  if (charset === 'utf8mb4') return name => sql`${name}`
  return name => sql`convert(${name} using ${sql.raw(word(charset))}) collate ${sql.raw(word(collation))}`
}

function plain(key: RawBuilder<unknown>, wanted: NameColumn['wanted']): NameColumn {
  return { key, wanted, readsWholeTable: false }
}

function folded(column: RawBuilder<unknown>, wanted: NameColumn['wanted']): NameColumn {
  return { key: sql`lower(${column})`, wanted: name => sql`lower(${wanted(name)})`, readsWholeTable: true }
}

/** Character sets and collations are words; the server's answer is not trusted to be one. */
function word(text: string): string {
  if (!/^\w+$/.test(text)) throw new Error('a collation whose name is no word')
  return text
}
