// One open database per URL, shared by whoever names that URL.

import { once } from 'node:events'
import { sql } from 'kysely'
import type { UsernameRules } from '../model/username.js'
import type { AccountTable, AccountTableOptions } from './account-table.js'
import { type Accounts, type AccountTableName, accountsIn } from './accounts.js'
import { type AdoptionProblem, adoptionReport } from './adoption-report.js'
import { type ChangeLog, openChangeLog } from './change-log.js'
import { type Copies, openCopies } from './copies.js'
import { createStatementCounts, type DatabaseFigures } from './database-figures.js'
import type { DatabaseSettings } from './database-settings.js'
import { type DatabaseTls, readDatabaseTls } from './database-tls.js'
import { type DatabaseLocation, parseDatabaseUrl } from './database-url.js'
import { type KnownPairTable, knownPairsIn } from './known-pairs.js'
import { type LoginEvents, loginEventsIn } from './login-events.js'
import { type MasterUses, masterUsesIn } from './master-uses.js'
import type { MigrateOptions, MigrationOutcome } from './migrate.js'
import { openAccountTable } from './open-account-table.js'
import { type PolicyListTable, policyListsIn } from './policy-lists.js'
import { type AccountChange, createChanges } from './record-change.js'
import type { SqlDatabase } from './sql-database.js'
import type { SqliteClaim } from './sqlite-claim.js'

/** What a driver needs of a database: its accounts, to be read. */
export interface AccountSource {
  accountTable(options: AccountTableOptions): AccountTable
}

/** Where a driver gets its database from. */
export interface AccountSources {
  /** The database of this URL. Connects lazily. Throws ConfigError for a bad URL. */
  open(url: string): AccountSource
}

export interface Database extends AccountSource {
  /** Without password: `mysql://dovecot@db1,db2:3306/mailproxy`, `sqlite:./data/homing.db`. */
  readonly name: string
  /** Embedded in this process: `serve` migrates it by itself. */
  readonly isEmbedded: boolean
  /** Makes this process the only service on an embedded database, until it is closed; false: another process is. */
  claim(): Promise<boolean>
  /**
   * The accounts of one of our own tables, to be changed. `normalise` as in AccountTableOptions; `by` for the audit.
   */
  accounts<T extends AccountTableName>(
    table: T,
    normalise: (storedName: string) => string,
    by: string,
  ): Accounts<T>
  /** What was changed here, by whichever copy or command of Homing. */
  readonly changes: ChangeLog
  /** The copies of the program that cache what is in here. */
  readonly copies: Copies
  readonly loginEvents: LoginEvents
  readonly masterUses: MasterUses
  /** For metrics. */
  figures(): DatabaseFigures
  readonly policyLists: PolicyListTable
  /** Where users have logged in from, for the policy. */
  readonly knownPairs: KnownPairTable
  /** Brings the database to this version of the program, or says what that would do. */
  migrate(options?: MigrateOptions): Promise<MigrationOutcome>
  /** What cannot work as it is stored, by user. Throws DatabaseError when it breaks off. */
  adoptionReport(rules: UsernameRules): AsyncIterable<AdoptionProblem>
  /** Whether the database answers just now; for readiness. Ends within the lookup deadline. */
  ping(signal?: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

export interface Databases extends AccountSources {
  /**
   * The database of this URL: the same object for the same URL. Connects lazily. Throws ConfigError for a bad URL
   * and for TLS settings that cannot work with it.
   */
  open(url: string): Database
  /** All that were asked for so far. */
  opened(): readonly Database[]
  close(): Promise<void>
}

export interface DatabaseDeps {
  /** Tells the operator of something that works but should not stay so. */
  readonly warn?: (message: string) => void
  /** Told of every change that is made through these databases, once it is committed. */
  readonly changed?: (change: AccountChange) => void
}

export function createDatabases(settings: DatabaseSettings, deps: DatabaseDeps = {}): Databases {
  const opened = new Map<string, Database>()
  const { warn = () => {}, changed = () => {} } = deps
  return {
    open: url => {
      const known = opened.get(url)
      if (known) return known
      const database = openDatabase(parseDatabaseUrl(url), settings, { warn, changed })
      opened.set(url, database)
      return database
    },
    opened: () => [...opened.values()],
    close: async () => {
      await Promise.all([...opened.values()].map(database => database.close()))
    },
  }
}

function openDatabase(
  location: DatabaseLocation,
  settings: DatabaseSettings,
  { warn, changed }: Required<DatabaseDeps>,
): Database {
  const tls = location.kind === 'mysql' ? readDatabaseTls(settings, location.hosts) : undefined
  const lookupTimeoutMs = settings.database_connect_timeout + settings.database_query_timeout
  const statements = createStatementCounts()
  let pool: SqlDatabase['pool']
  let claim: SqliteClaim | undefined
  let opening: Promise<SqlDatabase> | undefined
  const open = () => {
    opening ??= openDialect(location, settings, tls).then(
      database => {
        pool = database.pool
        return statements.watch(database)
      },
      cause => {
        opening = undefined
        throw cause
      },
    )
    return opening
  }
  const changes = createChanges({ name: location.name, warn, changed })
  return {
    name: location.name,
    changes: openChangeLog(location.name, open),
    copies: openCopies(open),
    isEmbedded: location.kind === 'sqlite',
    claim: async () => {
      if (location.kind === 'mysql' || location.path === ':memory:' || claim) return true
      claim = (await import('./sqlite-claim.js')).claimSqliteFile(location.path)
      return claim !== undefined
    },
    accountTable: options =>
      openAccountTable(open, options, warn, changes, { databaseName: location.name, lookupTimeoutMs }),
    accounts: (table, normalise, by) => accountsIn(open, table, normalise, changes, by),
    loginEvents: loginEventsIn(open),
    masterUses: masterUsesIn(open),
    figures: () => {
      const connections = pool?.()
      return { ...statements.counts, ...(connections && { pool: connections }) }
    },
    policyLists: policyListsIn(open),
    knownPairs: knownPairsIn(open),
    migrate: async options => {
      const [database, { migrate }] = await Promise.all([open(), import('./migrate.js')])
      return migrate(database, options)
    },
    async *adoptionReport(rules) {
      yield* adoptionReport(await open(), rules)
    },
    ping: async signal => {
      if (signal?.aborted) return false
      const answer = answers(open)
      if (!signal) return answer
      const aborted = once(signal, 'abort').then(() => false)
      return Promise.race([answer, aborted])
    },
    close: async () => {
      const database = await opening?.catch(() => undefined)
      await database?.close()
      claim?.release()
    },
  }
}

async function answers(open: () => Promise<SqlDatabase>): Promise<boolean> {
  try {
    const database = await open()
    await database.read('ping', sql`select 1`.compile(database.builder))
    return true
  } catch {
    return false
  }
}

/** A driver is loaded only where its kind of database is used: that is a third of the start-up time. */
async function openDialect(
  location: DatabaseLocation,
  settings: DatabaseSettings,
  tls: DatabaseTls | undefined,
): Promise<SqlDatabase> {
  if (location.kind === 'mysql') return (await import('./mysql.js')).openMysql(location, settings, tls)
  return (await import('./sqlite.js')).openSqlite(location, settings)
}
