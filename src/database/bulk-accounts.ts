// Many accounts in one transaction: for imports, where one statement for each would take hours.

import { type CompiledQuery, sql } from 'kysely'
import type { ColumnValue } from './column-value.js'
import { exactly, type RowSearch } from './exact-row.js'
import { type PlacedRow, splitName, storedName } from './find-accounts.js'
import { searchedTable } from './name-column.js'
import { tableReference } from './table-name.js'

export interface BulkAccount {
  /** A normalised login name; no two of a batch are the same. */
  readonly user: string
  /** Column → value. */
  readonly values: Readonly<Record<string, ColumnValue>>
}

/** What happens to an account that is there already. */
export const existingModes = ['refuse', 'skip', 'update'] as const
export type ExistingMode = (typeof existingModes)[number]

/** `several`: more than one row is this user's by the login rules, and none was changed. */
export type BulkOutcome = 'added' | 'updated' | 'skipped' | 'exists' | 'several'

/** More accounts in one transaction make it hardly quicker, and a slip costs more. */
export const BULK_ROWS = 500

const FIND_AT_ONCE = 250

/** One outcome for each account, in their order. Whatever rejects has changed nothing once the transaction is undone. */
export async function addAll(
  search: RowSearch,
  columnsOfName: (user: string) => Readonly<Record<string, ColumnValue>>,
  accounts: readonly BulkAccount[],
  { existing, withCreated }: { readonly existing: ExistingMode; readonly withCreated: boolean },
): Promise<BulkOutcome[]> {
  const found = await rowsByUser(search, accounts)
  const outcomes: BulkOutcome[] = []
  const fresh: Readonly<Record<string, ColumnValue>>[] = []
  for (const { user, values } of accounts) {
    const [row, another] = found.get(user) ?? []
    if (row === undefined) {
      fresh.push({ ...columnsOfName(user), ...values })
      outcomes.push('added')
    } else if (another) outcomes.push('several')
    else if (existing === 'update') outcomes.push(await update(search, row, values))
    else outcomes.push(existing === 'skip' ? 'skipped' : 'exists')
  }
  for (const rows of groupsOfSameColumns(fresh)) await insert(search, rows, withCreated)
  return outcomes
}

async function rowsByUser(
  { table, key, nameColumns, normalise, transaction, locks }: RowSearch,
  accounts: readonly BulkAccount[],
): Promise<Map<string, PlacedRow[]>> {
  const byUser = new Map<string, PlacedRow[]>()
  const { user, domain } = nameColumns
  const columns = [key.user, ...(key.domain === undefined ? [] : [key.domain])]
  const selected = columns.map((column, place) => sql`${sql.id(column)} as ${sql.id(`c${place}`)}`)
  for (let at = 0; at < accounts.length; at += FIND_AT_ONCE) {
    const names = accounts.slice(at, at + FIND_AT_ONCE).map(account => account.user)
    const wanted = domain
      ? sql.join(
          names.map(name => {
            const [local, rest] = splitName(name)
            return sql`(${user.key} = ${user.wanted(local)} and ${domain.key} = ${domain.wanted(rest)})`
          }),
          sql` or `,
        )
      : sql`${user.key} in (${sql.join(names.map(name => user.wanted(name)))})`
    const { rows } = await sql<PlacedRow>`
      select ${sql.join(selected)} from ${searchedTable(table, nameColumns)} where ${wanted} ${locks ? sql`for update` : sql``}`.execute(
      transaction,
    )
    for (const row of rows) {
      const name = normalise(storedName(row, key.domain !== undefined))
      byUser.set(name, [...(byUser.get(name) ?? []), row])
    }
  }
  return byUser
}

async function update(
  search: RowSearch,
  row: PlacedRow,
  values: BulkAccount['values'],
): Promise<BulkOutcome> {
  const assignments = Object.entries(values).map(([column, value]) => sql`${sql.id(column)} = ${value}`)
  if (assignments.length === 0) return 'skipped'
  await sql`update ${tableReference(search.table)} set ${sql.join(assignments)} where ${exactly(search, row)}`.execute(
    search.transaction,
  )
  return 'updated'
}

/** A column that is not named takes its default, so only rows that name the same go into one statement. */
function groupsOfSameColumns<R extends object>(rows: readonly R[]): R[][] {
  const groups = new Map<string, R[]>()
  for (const row of rows) {
    const columns = Object.keys(row).sort().join()
    const group = groups.get(columns)
    if (group) group.push(row)
    else groups.set(columns, [row])
  }
  return [...groups.values()]
}

async function insert(
  { table, transaction }: RowSearch,
  rows: readonly Readonly<Record<string, ColumnValue>>[],
  withCreated: boolean,
): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).sort()
  const names = [...columns, ...(withCreated ? ['created'] : [])].map(column => sql.id(column))
  // Compiling as many parameters as an insert has takes longer than running it: one row is, and repeated as text.
  const one = sql`insert into ${tableReference(table)} (${sql.join(names)}) values `.compile(transaction)
  const row = `(${[...columns.map(() => '?'), ...(withCreated ? ['current_timestamp'] : [])].join(', ')})`
  const query: CompiledQuery = {
    ...one,
    sql: one.sql + new Array(rows.length).fill(row).join(', '),
    parameters: rows.flatMap(values => columns.map(column => values[column] ?? null)),
  }
  await transaction.executeQuery(query)
}
