// Finds accounts by login name: many names, one query, and the login rules decide whose row it is.

import { type CompiledQuery, type RawBuilder, sql } from 'kysely'
import type { AccountColumns, AccountLookup, AccountRow, AccountTableOptions } from './account-table.js'
import { type ColumnValue, columnText, columnValue } from './column-value.js'
import { behindError } from './database-error.js'
import { type NameColumns, searchedTable } from './name-column.js'
import type { SqlDatabase } from './sql-database.js'

/** A row with columns named by their place: the operator's column names (`__proto__`) never become keys. */
export type PlacedRow = Readonly<Record<string, unknown>>

/** The most names in one query; lists are padded to powers of two so that few statements are prepared. */
export const BATCH_SIZE = 64

/** Asks for all of the names at once; what comes back knows each one's answer. Rejects with a DatabaseError. */
export type FindAll = (names: readonly string[]) => Promise<(name: string) => AccountLookup>

/** How one table is asked for accounts. */
export interface AccountQueries {
  readonly findAll: FindAll
  /** Where the database answers at once; undefined: to be asked by `findAll`. */
  findNow(name: string): AccountLookup | undefined
}

export function accountQueries(
  database: SqlDatabase,
  options: AccountTableOptions,
  nameColumns: NameColumns,
): AccountQueries {
  const statement = `find accounts in ${options.table}`
  const queryFor = queryBySize(database, options, nameColumns)
  const toRow = rowReader(options.columns)
  const isBehind: AccountLookup = { found: 'error', cause: behindError(statement, database.name) }
  const firstRow = firstRowNow(database, options, nameColumns)
  return {
    findAll: async names => {
      const tooOld = new Set<string>()
      const rows = await database.read(statement, queryFor(names), { about: { names, tooOld } })
      const found = new Map<string, AccountLookup>()
      for (const placed of rows) {
        const row = toRow(placed)
        const name = options.normalise(row.user)
        found.set(name, found.has(name) ? { found: 'several' } : { found: 'one', row })
      }
      return name => (tooOld.has(name) ? isBehind : (found.get(name) ?? none))
    },
    findNow: name => {
      const first = firstRow(name)
      if (first === undefined) return undefined
      if (first.row === undefined) return none
      // Whose of several rows is meant only all of them tell.
      if (first.row.alike !== 1) return undefined
      const row = toRow(first.row)
      return options.normalise(row.user) === name ? { found: 'one', row } : none
    },
  }
}

const none: AccountLookup = { found: 'none' }

/** `local@domain` → its halves, as Dovecot cuts: the domain is all after the first `@`, and may be empty. */
export function splitName(name: string): [local: string, domain: string] {
  const at = name.indexOf('@')
  return at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)]
}

/** Columns by place: c0 the user, then the domain if there is one, then each role. */
export function selectColumns(columns: AccountColumns): RawBuilder<unknown> {
  const selected = placesOf(columns).map(
    ([, column], place) => sql`${sql.id(column)} as ${sql.id(`c${place}`)}`,
  )
  return sql.join(selected)
}

/** Makes rows of selectColumns into accounts. */
export function rowReader(columns: AccountColumns): (placed: PlacedRow) => AccountRow {
  const places = placesOf(columns).map(([role], place) => [role, `c${place}`] as const)
  return placed => {
    const values: Record<string, ColumnValue> = new Values()
    for (const [role, place] of places) values[role] = columnValue(placed[place])
    return { user: storedName(placed, columns.domain !== undefined), values }
  }
}

/** The stored name: c0, or c0@c1 when it stands in two columns. */
export function storedName(placed: PlacedRow, hasDomain: boolean): string {
  const user = columnText(placed.c0)
  if (!hasDomain) return user
  const domain = columnText(placed.c1)
  return domain === '' ? user : `${user}@${domain}`
}

/** An object that inherits nothing, so that `values.constructor` is absent; quicker to fill than Object.create(null). */
const Values = function Values() {} as unknown as new () => Record<string, ColumnValue>
Values.prototype = Object.create(null)

function placesOf(columns: AccountColumns): (readonly [role: string, column: string])[] {
  const { user, domain, ...others } = columns
  const name: [string, string][] =
    domain === undefined
      ? [['user', user]]
      : [
          ['user', user],
          ['domain', domain],
        ]
  return [...name, ...Object.entries(others)]
}

/** The compiled query for so many names, built once per size; only its parameters change. */
function queryBySize(database: SqlDatabase, options: AccountTableOptions, nameColumns: NameColumns) {
  const compiled = new Map<number, CompiledQuery<PlacedRow>>()
  const selected = selectColumns(options.columns)
  const parametersOf = parametersFor(nameColumns)
  return (names: readonly string[]): CompiledQuery<PlacedRow> => {
    const size = powerOfTwo(names.length)
    let query = compiled.get(size)
    if (!query) {
      query = findQuery<PlacedRow>(selected, options.table, nameColumns, size).compile(database.builder)
      compiled.set(size, query)
    }
    const last = names.at(-1) ?? ''
    const padded = size === names.length ? names : [...names, ...new Array(size - names.length).fill(last)]
    return { ...query, parameters: parametersOf(padded) }
  }
}

/** A row, and how many the database takes for the same name. */
type FirstRow = PlacedRow & { readonly alike: unknown }

/** The first row of a name's, where the database has it at once. */
function firstRowNow(database: SqlDatabase, options: AccountTableOptions, nameColumns: NameColumns) {
  const { firstNow } = database
  if (firstNow === undefined) return () => undefined
  const counted = sql`${selectColumns(options.columns)}, count(*) over () as alike`
  const query = findQuery<FirstRow>(counted, options.table, nameColumns, 1).compile(database.builder)
  const parametersOf = parametersFor(nameColumns)
  return (name: string) => firstNow<FirstRow>({ ...query, parameters: parametersOf([name]) })
}

/** What a query is given for the names. */
function parametersFor({ domain }: NameColumns): (names: readonly string[]) => readonly string[] {
  return domain ? names => names.flatMap(splitName) : names => names
}

function findQuery<R>(selected: RawBuilder<unknown>, table: string, nameColumns: NameColumns, size: number) {
  const { user, domain } = nameColumns
  const each = <T>(make: () => T): T[] => Array.from({ length: size }, make)
  const matches = domain
    ? sql.join(
        each(() => sql`(${user.key} = ${user.wanted('')} and ${domain.key} = ${domain.wanted('')})`),
        sql` or `,
      )
    : sql`${user.key} in (${sql.join(each(() => user.wanted('')))})`
  return sql<R>`select ${selected} from ${searchedTable(table, nameColumns)} where ${matches}`
}

function powerOfTwo(count: number): number {
  let size = 1
  while (size < count) size *= 2
  return size
}
