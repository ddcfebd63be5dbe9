// The policy's lists as they are stored.

import { sql, type Transaction } from 'kysely'
import { retriedOnDuplicate } from './database-error.js'
import { refuseCutting } from './exact-row.js'
import type { Schema } from './schema.js'
import type { SqlDatabase } from './sql-database.js'
import { type AuditRow, audit, doOnce, type WriteTerms } from './write-terms.js'

/** '' where an entry names no network, or no login. `expires`: seconds since 1970, null: never. */
export interface PolicyListRow {
  readonly list: 'allow' | 'block'
  readonly network: string
  readonly login: string
  readonly reason: string
  readonly expires: number | null
}

/** What tells an entry from all others. */
export type PolicyListKey = Pick<PolicyListRow, 'list' | 'network' | 'login'>

export interface PolicyListPage {
  readonly list: PolicyListRow['list']
  /** The last one of the page before. */
  readonly after?: Pick<PolicyListRow, 'network' | 'login'>
  readonly limit: number
}

/** Who writes, for the audit, and whether once. */
export interface ListWrite extends Pick<WriteTerms, 'once'> {
  /** `cli root`, `api 192.0.2.1`. */
  readonly by: string
}

export type PutOutcome =
  /** `row`: as it is stored now; absent: a request that was done before, and whose entry is gone since. */
  | { readonly outcome: 'added' | 'replaced'; readonly row?: PolicyListRow }
  | { readonly outcome: 'key_reused' }
export type RemoveOutcome = 'removed' | 'not_found' | 'key_reused'

/** Everything rejects with a DatabaseError. What is written is in the audit by the same transaction. */
export interface PolicyListTable {
  /** Those that are not over. */
  read(unixSeconds: number): Promise<readonly PolicyListRow[]>
  /** Some of them, by network and login in the order of their letters. */
  page(page: PolicyListPage, unixSeconds: number): Promise<readonly PolicyListRow[]>
  /** In the place of one with the same list, network and login. What is over goes with it. */
  put(row: PolicyListRow, unixSeconds: number, write: ListWrite): Promise<PutOutcome>
  remove(row: PolicyListKey, write: ListWrite): Promise<RemoveOutcome>
}

export function policyListsIn(open: () => Promise<SqlDatabase>): PolicyListTable {
  return {
    read: async unixSeconds => {
      const database = await open()
      const query = sql<PolicyListRow>`
        select list, network, login, reason, expires from homing_policy_lists
        where expires is null or expires > ${unixSeconds}`
      const rows = await database.read(READ, query.compile(database.builder), { isListing: true })
      return rows.map(rowOf)
    },
    page: async ({ list, after, limit }, unixSeconds) => {
      const database = await open()
      const isAfter =
        after === undefined
          ? sql``
          : sql`and (network > ${after.network} or (network = ${after.network} and login > ${after.login}))`
      const query = sql<PolicyListRow>`
        select list, network, login, reason, expires from homing_policy_lists
        where list = ${list} and (expires is null or expires > ${unixSeconds}) ${isAfter}
        order by network, login limit ${sql.lit(limit)}`
      const rows = await database.read(READ, query.compile(database.builder), { isListing: true })
      return rows.map(rowOf)
    },
    put: async (row, unixSeconds, write) => {
      const put = async (transaction: Transaction<Schema>): Promise<Done<'added' | 'replaced'>> => {
        await sql`delete from homing_policy_lists where expires <= ${unixSeconds}`.execute(transaction)
        const { numAffectedRows } = await remove(transaction, row)
        await sql`insert into homing_policy_lists (list, network, login, reason, expires)
          values (${row.list}, ${row.network}, ${row.login}, ${row.reason}, ${row.expires})`.execute(
          transaction,
        )
        const isNew = (numAffectedRows ?? 0n) === 0n
        return {
          outcome: isNew ? 'added' : 'replaced',
          audited: { action: isNew ? 'add' : 'set', user: nameOf(row), columns: ['reason', 'expires'] },
        }
      }
      return changing(open, write, put, async (transaction, outcome) => {
        if (outcome === 'key_reused') return { outcome }
        const { rows } = await sql<PolicyListRow>`
          select list, network, login, reason, expires from homing_policy_lists where ${same(row)}`.execute(
          transaction,
        )
        return { outcome, ...(rows[0] && { row: rowOf(rows[0]) }) }
      })
    },
    remove: (row, write) =>
      changing(
        open,
        write,
        async (transaction): Promise<Done<'removed' | 'not_found'>> => {
          const { numAffectedRows } = await remove(transaction, row)
          if ((numAffectedRows ?? 0n) === 0n) return { outcome: 'not_found' }
          return { outcome: 'removed', audited: { action: 'delete', user: nameOf(row), columns: [] } }
        },
        async (_transaction, outcome) => outcome,
      ),
  }
}

const TABLE = 'homing_policy_lists'
const READ = 'read the policy lists'

interface Done<O extends string> {
  readonly outcome: O
  /** Absent: nothing was changed. */
  readonly audited?: Pick<AuditRow, 'action' | 'user' | 'columns'>
}

/** In one transaction: the change, its row in the audit, that this request is done, and what is told of it. */
async function changing<O extends string, R>(
  open: () => Promise<SqlDatabase>,
  { by, ...terms }: ListWrite,
  change: (transaction: Transaction<Schema>) => Promise<Done<O>>,
  tell: (transaction: Transaction<Schema>, outcome: O | 'key_reused') => Promise<R>,
): Promise<R> {
  const database = await open()
  return retriedOnDuplicate(() =>
    database.transaction('write the policy lists', async transaction => {
      if (database.dialect === 'mysql') await refuseCutting(transaction)
      const { outcome } = await doOnce(transaction, terms, async () => {
        const { outcome, audited } = await change(transaction)
        if (audited) await audit(transaction, { by, table: TABLE, ...audited })
        return outcome
      })
      return tell(transaction, outcome)
    }),
  )
}

const same = ({ list, network, login }: PolicyListKey) =>
  sql`list = ${list} and network = ${network} and login = ${login}`

const remove = (transaction: Transaction<Schema>, row: PolicyListKey) =>
  sql`delete from homing_policy_lists where ${same(row)}`.execute(transaction)

/** `block 198.51.100.0/24 anna@example.org`, as `homing policy` is told it. */
const nameOf = ({ list, network, login }: PolicyListKey): string =>
  [list, network, login].filter(part => part !== '').join(' ')

const rowOf = (row: PolicyListRow): PolicyListRow => ({
  ...row,
  expires: row.expires === null ? null : Number(row.expires),
})
