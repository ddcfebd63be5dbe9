// Adds, changes, shows, lists and deletes accounts in the three tables of our own: what the CLI and the demo call.

import { type Generated, sql } from 'kysely'
import { addAll, type BulkAccount, type BulkOutcome, type ExistingMode } from './bulk-accounts.js'
import { type ColumnValue, columnValue } from './column-value.js'
import { isDuplicate, retriedOnDuplicate } from './database-error.js'
import { exactly, type RowSearch, refuseCutting, rowsOf } from './exact-row.js'
import { type PlacedRow, splitName, storedName } from './find-accounts.js'
import { forgetImport, lastImportedLine, noteImportedLine } from './import-progress.js'
import { listAccounts } from './list-accounts.js'
import { lookUpNameColumns } from './name-column.js'
import type { AccountChange, Changes } from './record-change.js'
import type { LocalUserRow, MasterUserRow, ProxyUserRow } from './schema.js'
import type { SqlDatabase } from './sql-database.js'
import { audit, doOnce, type TermsOutcome, versionOf, type WriteTerms } from './write-terms.js'

/** What an account of each table can hold besides its name. */
export interface AccountFields {
  readonly proxy_users: Fields<ProxyUserRow, 'username'>
  readonly local_users: Fields<LocalUserRow, 'username'>
  readonly master_users: Fields<MasterUserRow, 'user_name' | 'domain_name'>
}

type Fields<Row, Name> = {
  readonly [K in Exclude<keyof Row, Name | 'created'>]?:
    | (Row[K] extends Generated<infer V> ? V : Row[K])
    | undefined
}

export type AccountTableName = keyof AccountFields

export interface Account {
  readonly user: string
  /** Another one whenever anything of the account is another. */
  readonly version: string
  /** Column → value, the name's columns not among them. */
  readonly values: Readonly<Record<string, ColumnValue>>
}

export type AddOutcome = 'added' | 'exists' | TermsOutcome
/** `several`: more than one row is this user's by the login rules; nothing was changed. */
export type ChangeOutcome = 'changed' | 'not_found' | 'several' | TermsOutcome
export type DeleteOutcome = 'deleted' | 'not_found' | 'several' | TermsOutcome

export interface ImportBatch {
  readonly accounts: readonly BulkAccount[]
  readonly existing: ExistingMode
  /** Everything is done and undone again: what would go wrong goes wrong. */
  readonly dryRun: boolean
  /** Where the accounts come from, and up to which line all is done with this batch; 0: the import is finished. */
  readonly progress?: { readonly source: string; readonly line: number }
}

/**
 * Names are login names, normalised by the caller; a stored row is meant when its name through `normalise` is the
 * given one. Everything rejects with a DatabaseError when the database does not do it; nothing is half done.
 */
export interface Accounts<T extends AccountTableName> {
  add(user: string, fields: AccountFields[T], terms?: WriteTerms): Promise<AddOutcome>
  /** Only the given fields change; null empties one. */
  set(user: string, fields: AccountFields[T], terms?: WriteTerms): Promise<ChangeOutcome>
  /** Without its password and pass, of which only `set` or `null` is told. */
  show(user: string): Promise<Account | 'not_found' | 'several'>
  list(mask: string): AsyncIterable<string>
  delete(user: string, terms?: WriteTerms): Promise<DeleteOutcome>
  /** All of a batch in one transaction, one outcome for each account in their order. */
  importBatch(batch: ImportBatch): Promise<readonly BulkOutcome[]>
  /** The last line that an import of this source has committed; 0: it has not begun, or is finished. */
  importedLine(source: string): Promise<number>
}

const keys: Readonly<Record<AccountTableName, { readonly user: string; readonly domain?: string }>> = {
  proxy_users: { user: 'username' },
  local_users: { user: 'username' },
  master_users: { user: 'user_name', domain: 'domain_name' },
}

const fields: Readonly<Record<AccountTableName, readonly string[]>> = {
  proxy_users: [
    'host',
    'port',
    'ssl_mode',
    'destuser',
    'active',
    'password',
    'pass',
    'master',
    'any_cert',
    'pop3_port',
    'lmtp_port',
    'submission_port',
    'sieve_port',
  ],
  local_users: ['password', 'home', 'uid', 'gid', 'active'],
  master_users: [
    'password',
    'masteradmin',
    'domains',
    'protocols',
    'allow_nets',
    'allow_real_nets',
    'expires',
  ],
}

const done = { add: 'added', set: 'changed', delete: 'deleted' } as const

const hasCreated = new Set<AccountTableName>(['proxy_users', 'local_users'])
const secrets = new Set(['password', 'pass'])

export function accountsIn<T extends AccountTableName>(
  open: () => Promise<SqlDatabase>,
  table: T,
  normalise: (storedName: string) => string,
  changes: Changes,
  by: string,
): Accounts<T> {
  const key = keys[table]
  const inTransaction = async <R>(what: string, run: (work: Work) => Promise<R>): Promise<R> => {
    const database = await open()
    const nameColumns = await lookUpNameColumns(database, table, key)
    const isMysql = database.dialect === 'mysql'
    return database.transaction(`${what} ${table}`, async transaction => {
      if (isMysql) await refuseCutting(transaction)
      return run({ table, key, nameColumns, normalise, transaction, isMysql, locks: isMysql })
    })
  }
  /** As inTransaction; what was changed is written down with it, and told afterwards. */
  const changing = async <R>(
    kind: AccountChange['kind'],
    what: string,
    run: (work: Work) => Promise<R>,
    changedUsers: (outcome: R) => readonly string[],
  ): Promise<R> => {
    const changeOf = (outcome: R): AccountChange => ({ table, kind, users: changedUsers(outcome) })
    const outcome = await inTransaction(what, async work => {
      const outcome = await run(work)
      await changes.record(work.transaction, changeOf(outcome))
      return outcome
    })
    await changes.made(await open(), changeOf(outcome))
    return outcome
  }
  /** One account, on these terms; a change of it is written down in the audit. */
  const write = async <O extends string>(
    action: 'add' | 'set' | 'delete',
    user: string,
    values: Values,
    terms: WriteTerms,
    run: (work: Work) => Promise<O>,
  ): Promise<O | 'key_reused'> => {
    const isDone = ({ outcome, isRepeated }: { outcome: string; isRepeated: boolean }) =>
      !isRepeated && outcome === done[action]
    const attempt = () =>
      changing(
        action,
        action === 'add' ? 'add to' : action === 'set' ? 'change' : 'delete from',
        async work => {
          const once = await doOnce(work.transaction, terms, () => run(work))
          if (isDone(once)) {
            await audit(work.transaction, { by, action, table, user, columns: Object.keys(values) })
          }
          return once
        },
        once => (isDone(once) ? [user] : []),
      )
    return (await retriedOnDuplicate(attempt)).outcome
  }
  return {
    add: async (user, values, terms = {}) => {
      const given = checked(table, values)
      try {
        return await write('add', user, given, terms, (work): Promise<AddOutcome> => add(work, user, given))
      } catch (cause) {
        if (isDuplicate(cause)) return 'exists'
        throw cause
      }
    },
    set: (user, values, terms = {}) => {
      const given = checked(table, values)
      return write(
        'set',
        user,
        given,
        terms,
        (work): Promise<ChangeOutcome> => change(work, user, given, terms),
      )
    },
    delete: (user, terms = {}) =>
      write('delete', user, {}, terms, (work): Promise<DeleteOutcome> => remove(work, user, terms)),
    importBatch: batch =>
      undoneWhenDry(() =>
        changing(
          'import',
          'import into',
          async work => {
            const outcomes = await importBatch(work, batch)
            const count = outcomes.filter(wasChanged).length
            if (count > 0) {
              const user = `${count} accounts`
              await audit(work.transaction, { by, action: 'import', table, user, columns: [] })
            }
            return outcomes
          },
          outcomes => batch.accounts.filter((_, at) => wasChanged(outcomes[at])).map(({ user }) => user),
        ),
      ),
    importedLine: async source => lastImportedLine(await open(), source),
    show: user => inTransaction('show', work => show({ ...work, locks: false }, user)),
    async *list(mask) {
      const database = await open()
      const nameColumns = await lookUpNameColumns(database, table, key)
      yield* listAccounts(database, { table, columns: key, normalise }, nameColumns, mask)
    },
  }
}

type Values = Readonly<Record<string, ColumnValue>>

interface Work extends RowSearch {
  readonly table: AccountTableName
}

async function add(work: Work, user: string, values: Values): Promise<AddOutcome> {
  const found = await rowsOf(work, user)
  if (found.length > 0) return 'exists'
  const given = { ...nameValues(work, user), ...values }
  // Tables that were adopted have no default for it.
  const created = hasCreated.has(work.table) ? { created: sql`current_timestamp` } : {}
  const row = Object.entries({ ...given, ...created })
  const columns = sql.join(row.map(([column]) => sql.id(column)))
  await sql`insert into ${sql.id(work.table)} (${columns}) values (${sql.join(row.map(([, value]) => value))})`.execute(
    work.transaction,
  )
  return 'added'
}

async function change(work: Work, user: string, values: Values, terms: WriteTerms): Promise<ChangeOutcome> {
  const row = await theRowOf(work, user)
  if (typeof row === 'string') return row
  if (await isOutdated(work, row, terms)) return 'conflict'
  const assignments = Object.entries(values).map(([column, value]) => sql`${sql.id(column)} = ${value}`)
  if (assignments.length > 0) {
    await sql`update ${sql.id(work.table)} set ${sql.join(assignments)} where ${exactly(work, row)}`.execute(
      work.transaction,
    )
  }
  return 'changed'
}

async function remove(work: Work, user: string, terms: WriteTerms): Promise<DeleteOutcome> {
  const row = await theRowOf(work, user)
  if (typeof row === 'string') return row
  if (await isOutdated(work, row, terms)) return 'conflict'
  await sql`delete from ${sql.id(work.table)} where ${exactly(work, row)}`.execute(work.transaction)
  return 'deleted'
}

async function show(work: Work, user: string): Promise<Account | 'not_found' | 'several'> {
  const row = await theRowOf(work, user)
  if (typeof row === 'string') return row
  const values = await valuesOf(work, row)
  return {
    user: work.normalise(storedName(row, work.key.domain !== undefined)),
    version: versionOf(values),
    values: Object.fromEntries(
      values.map(([column, value]) => [column, secrets.has(column) && value !== null ? 'set' : value]),
    ),
  }
}

async function isOutdated(work: Work, row: PlacedRow, { ifVersion }: WriteTerms): Promise<boolean> {
  return ifVersion !== undefined && versionOf(await valuesOf(work, row)) !== ifVersion
}

/** Everything but the name, as it stands. */
async function valuesOf(work: Work, row: PlacedRow): Promise<[column: string, value: ColumnValue][]> {
  const columns = [...fields[work.table], ...(hasCreated.has(work.table) ? ['created'] : [])]
  const selected = columns.map((column, place) => sql`${sql.id(column)} as ${sql.id(`v${place}`)}`)
  const { rows } = await sql<PlacedRow>`
    select ${sql.join(selected)} from ${sql.id(work.table)} where ${exactly(work, row)}`.execute(
    work.transaction,
  )
  return columns.map((column, place) => [column, columnValue(rows[0]?.[`v${place}`])])
}

/** What a dry run throws at the end of its transaction. */
class Undo extends Error {
  readonly outcomes: readonly BulkOutcome[]

  constructor(outcomes: readonly BulkOutcome[]) {
    super('a dry run is undone')
    this.outcomes = outcomes
  }
}

async function undoneWhenDry(run: () => Promise<readonly BulkOutcome[]>): Promise<readonly BulkOutcome[]> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof Undo) return cause.outcomes
    throw cause
  }
}

async function importBatch(work: Work, batch: ImportBatch): Promise<readonly BulkOutcome[]> {
  const { accounts, existing, dryRun, progress } = batch
  const checkedAccounts = accounts.map(({ user, values }) => ({ user, values: checked(work.table, values) }))
  const outcomes = await addAll(work, user => nameValues(work, user), checkedAccounts, {
    existing,
    withCreated: hasCreated.has(work.table),
  })
  if (dryRun) throw new Undo(outcomes)
  if (progress?.line === 0) await forgetImport(work.transaction, progress.source)
  else if (progress) await noteImportedLine(work.transaction, progress.source, progress.line)
  return outcomes
}

async function theRowOf(work: Work, user: string): Promise<PlacedRow | 'not_found' | 'several'> {
  const [row, another] = await rowsOf(work, user)
  if (another) return 'several'
  return row ?? 'not_found'
}

/** The table's own columns; the name of a master user stands in two. */
function nameValues(work: Work, user: string): Values {
  const { key } = work
  if (key.domain === undefined) return { [key.user]: user }
  const [local, domain] = splitName(user)
  return { [key.user]: local, [key.domain]: domain }
}

/** A field that the table does not have is a mistake of the caller's. */
function checked(table: AccountTableName, values: object): Values {
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  const unknown = given.find(([field]) => !fields[table].includes(field))
  if (unknown) throw new TypeError(`${table} has no field ${unknown[0]}`)
  return Object.fromEntries(given)
}

function wasChanged(outcome: BulkOutcome | undefined): boolean {
  return outcome === 'added' || outcome === 'updated'
}
