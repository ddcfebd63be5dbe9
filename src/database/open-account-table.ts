// An AccountTable over SQL: batched lookups and paged listings on one table.

import { ConfigError } from '../model/config-error.js'
import type { AccountLookup, AccountTable, AccountTableOptions } from './account-table.js'
import { DatabaseError, errorCode, toDatabaseError } from './database-error.js'
import { type AccountQueries, accountQueries, BATCH_SIZE, type FindAll } from './find-accounts.js'
import { listAccounts } from './list-accounts.js'
import { countRows, listPasswords } from './list-passwords.js'
import { createMicroBatch } from './micro-batch.js'
import { lookUpNameColumns, type NameColumns } from './name-column.js'
import type { Changes } from './record-change.js'
import { replacePassword } from './replace-password.js'
import type { SqlDatabase } from './sql-database.js'

interface KnownTable {
  readonly nameColumns: NameColumns
  readonly queries: AccountQueries
}

/** Longer than any key column can hold (InnoDB's index limit is 3072 bytes); a query is not made to carry such names. */
const LONGEST_NAME = 1024

/**
 * Asks the database about the columns on the first lookup, and again when a lookup failed because of them. Throws ConfigError
 * for a role that cannot be a key. `open` resolves to the database; it may reject, and is then asked again.
 * A lookup has ended after `lookupTimeoutMs`, however many were before it.
 */
export function openAccountTable(
  open: () => Promise<SqlDatabase>,
  options: AccountTableOptions,
  warn: (message: string) => void,
  changes: Changes,
  { databaseName, lookupTimeoutMs }: { readonly databaseName: string; readonly lookupTimeoutMs: number },
): AccountTable {
  if (Object.hasOwn(options.columns, '__proto__')) throw new ConfigError('columns: "__proto__" is no role')
  let known: Promise<KnownTable> | undefined
  let queries: AccountQueries | undefined
  let hasWarned = false

  const prepare = async (): Promise<KnownTable> => {
    const database = await open()
    const { user, domain } = options.columns
    const nameColumns = await lookUpNameColumns(database, options.table, { user, ...(domain && { domain }) })
    if (nameColumns.user.readsWholeTable && !hasWarned) {
      hasWarned = true
      warn(
        `${database.name}: ${options.table}.${user} compares letter by letter (a collation that is binary, case-sensitive or takes some capitals for other letters): ` +
          'each lookup reads the whole table; a case-insensitive collation (utf8mb4_general_ci) would use the index',
      )
    }
    return { nameColumns, queries: accountQueries(database, options, nameColumns) }
  }
  const forget = () => {
    known = undefined
    queries = undefined
  }
  const ready = (): Promise<KnownTable> => {
    known ??= prepare().then(
      table => {
        queries = table.queries
        return table
      },
      cause => {
        forget()
        throw cause
      },
    )
    return known
  }
  /** The tables may have changed; a database that only does not answer has not. */
  const forgetIfWrong = (cause: unknown) => {
    if (!(cause instanceof DatabaseError && cause.temporary)) forget()
    return cause
  }

  /** A bug keeps its own words. */
  const named = (cause: unknown) =>
    errorCode(cause) === 'HOMING_DATABASE_TIMEOUT'
      ? toDatabaseError(cause, `find accounts in ${options.table}`, databaseName)
      : cause

  const findAll: FindAll = async names => {
    try {
      return await (await ready()).queries.findAll(names)
    } catch (cause) {
      throw forgetIfWrong(cause)
    }
  }
  /** An administrator may take an index away, or give it another name, at any time. */
  const isIndexGone = (cause: unknown) => errorCode(cause) === 'ER_KEY_DOES_NOT_EXITS'

  const findBatched = createMicroBatch<AccountLookup>(
    names => findAll(names).catch(cause => (isIndexGone(cause) ? findAll(names) : Promise.reject(cause))),
    { size: BATCH_SIZE, patienceMs: 5, parallelAtMost: 16, timeoutMs: lookupTimeoutMs },
  )

  return {
    find: (user, signal) => {
      if (user.length > LONGEST_NAME) return { found: 'none' }
      const now = signal?.aborted ? undefined : queries?.findNow(user)
      if (now) return now
      const lookup = findBatched(user).catch(cause => failed(named(cause)))
      return signal ? unlessAborted(lookup, signal) : lookup
    },
    async *list(mask) {
      const database = await open()
      const { nameColumns } = await ready()
      yield* listAccounts(database, options, nameColumns, mask)
    },
    count: async () => countRows(await open(), options.table),
    async *passwords() {
      const database = await open()
      const { nameColumns } = await ready()
      yield* listPasswords(database, options, nameColumns)
    },
    replacePassword: async (user, stored, replacement) => {
      try {
        const { nameColumns } = await ready()
        const replacing = { user, stored, replacement }
        return { result: await replacePassword(await open(), options, nameColumns, replacing, changes) }
      } catch (cause) {
        return { result: 'failed', cause: forgetIfWrong(cause) }
      }
    },
  }
}

function failed(cause: unknown): AccountLookup {
  return { found: 'error', cause: cause instanceof Error ? cause : new Error(String(cause)) }
}

/** The query goes on for the others who share it. */
function unlessAborted(lookup: Promise<AccountLookup>, signal: AbortSignal): Promise<AccountLookup> {
  if (signal.aborted) return Promise.resolve(failed(signal.reason))
  return new Promise(resolve => {
    const onAbort = () => resolve(failed(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    lookup.then(answer => {
      signal.removeEventListener('abort', onAbort)
      resolve(answer)
    })
  })
}
