// A database of account tables in memory, behind the port of the real ones; it can be made to fail and to hang.

import type { AccountLookup, AccountTable } from '../../../src/database/account-table.js'
import type { AccountSource, AccountSources } from '../../../src/database/open-database.js'
import { matchesWildcard } from '../../../src/model/wildcard.js'

type Cell = string | number | null
type Row = Readonly<Record<string, Cell>>

export interface MemoryDatabases extends AccountSources {
  /** Rows by table, in the columns of the table. Change them as an operator would. */
  readonly tables: Record<string, Row[]>
  /** Set: every question is answered with this error. */
  failure: Error | undefined
  /** Every question waits until its signal fires. */
  hanging: boolean
  /** The URLs that were opened, in order. */
  readonly opened: string[]
}

export function memoryDatabases(tables: Record<string, Row[]>): MemoryDatabases {
  const databases: MemoryDatabases = {
    tables,
    failure: undefined,
    hanging: false,
    opened: [],
    open(url) {
      databases.opened.push(url)
      return database(databases)
    },
  }
  return databases
}

function database(databases: MemoryDatabases): AccountSource {
  return {
    accountTable({ table, columns, normalise }): AccountTable {
      const rows = () =>
        (databases.tables[table] ?? []).map(row => {
          const cell = (role: string) => row[columns[role] ?? ''] ?? null
          const user = columns.domain === undefined ? `${cell('user')}` : `${cell('user')}@${cell('domain')}`
          return { user, values: Object.fromEntries(Object.keys(columns).map(role => [role, cell(role)])) }
        })
      return {
        async find(user, signal): Promise<AccountLookup> {
          if (databases.hanging) return await untilAborted(signal)
          if (databases.failure) return { found: 'error', cause: databases.failure }
          const [row, ...others] = rows().filter(row => normalise(row.user) === user)
          if (row === undefined) return { found: 'none' }
          return others.length > 0 ? { found: 'several' } : { found: 'one', row }
        },
        async *list(mask) {
          const users = new Set(rows().map(row => normalise(row.user)))
          for (const user of users) {
            if (databases.failure) throw databases.failure
            if (matchesWildcard(mask, user)) yield user
          }
        },
        count: async () => rows().length,
        async *passwords() {
          if (databases.failure) throw databases.failure
          yield* rows().map(({ user, values }) => ({
            user: normalise(user),
            stored: `${values.password ?? ''}`,
          }))
        },
        async replacePassword(user, stored, replacement) {
          if (databases.failure) return { result: 'failed', cause: databases.failure }
          const at = rows().findIndex(row => normalise(row.user) === user && row.values.password === stored)
          const row = databases.tables[table]?.[at]
          if (row === undefined) return { result: 'changed_meanwhile' }
          databases.tables[table]?.splice(at, 1, { ...row, [columns.password ?? '']: replacement })
          return { result: 'replaced' }
        },
      }
    },
  }
}

function untilAborted(signal: AbortSignal | undefined): Promise<AccountLookup> {
  return new Promise(resolve => {
    signal?.addEventListener('abort', () =>
      resolve({ found: 'error', cause: new Error('the deadline passed') }),
    )
  })
}
