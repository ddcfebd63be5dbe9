// The policy's lists as they are stored.

import { sql } from 'kysely'
import { refuseCutting } from './exact-row.js'
import type { SqlDatabase } from './sql-database.js'

/** '' where an entry names no network, or no login. `expires`: seconds since 1970, null: never. */
export interface PolicyListRow {
  readonly list: 'allow' | 'block'
  readonly network: string
  readonly login: string
  readonly reason: string
  readonly expires: number | null
}

/** Everything rejects with a DatabaseError. */
export interface PolicyListTable {
  /** Those that are not over. */
  read(unixSeconds: number): Promise<readonly PolicyListRow[]>
  /** In the place of one with the same list, network and login. What is over goes with it. */
  put(row: PolicyListRow, unixSeconds: number): Promise<void>
  /** Whether there was one. */
  remove(row: Pick<PolicyListRow, 'list' | 'network' | 'login'>): Promise<boolean>
}

export function policyListsIn(open: () => Promise<SqlDatabase>): PolicyListTable {
  return {
    read: async unixSeconds => {
      const database = await open()
      const query = sql<PolicyListRow>`
        select list, network, login, reason, expires from homing_policy_lists
        where expires is null or expires > ${unixSeconds}`
      const rows = await database.read('read the policy lists', query.compile(database.builder), {
        isListing: true,
      })
      return rows.map(row => ({ ...row, expires: row.expires === null ? null : Number(row.expires) }))
    },
    put: async (row, unixSeconds) => {
      const database = await open()
      await database.transaction('write the policy lists', async transaction => {
        if (database.dialect === 'mysql') await refuseCutting(transaction)
        await sql`delete from homing_policy_lists where expires <= ${unixSeconds}`.execute(transaction)
        await sql`delete from homing_policy_lists where ${same(row)}`.execute(transaction)
        await sql`insert into homing_policy_lists (list, network, login, reason, expires)
          values (${row.list}, ${row.network}, ${row.login}, ${row.reason}, ${row.expires})`.execute(
          transaction,
        )
      })
    },
    remove: async row => {
      const database = await open()
      return database.transaction('write the policy lists', async transaction => {
        const { numAffectedRows } = await sql`delete from homing_policy_lists where ${same(row)}`.execute(
          transaction,
        )
        return (numAffectedRows ?? 0n) > 0n
      })
    },
  }
}

const same = ({ list, network, login }: Pick<PolicyListRow, 'list' | 'network' | 'login'>) =>
  sql`list = ${list} and network = ${network} and login = ${login}`
