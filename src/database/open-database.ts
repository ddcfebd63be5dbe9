// One open database per URL, shared by whoever names that URL.

import { sql } from 'kysely'
import type { AccountTable, AccountTableOptions } from './account-table.js'
import type { DatabaseSettings } from './database-settings.js'
import { type DatabaseLocation, parseDatabaseUrl } from './database-url.js'
import { openAccountTable } from './open-account-table.js'
import type { SqlDatabase } from './sql-database.js'

export interface Database {
  /** Without password: `mysql://dovecot@db1,db2:3306/mailproxy`, `sqlite:./data/homing.db`. */
  readonly name: string
  accountTable(options: AccountTableOptions): AccountTable
  /** Whether the database answers just now; for readiness. Ends within the lookup deadline. */
  ping(signal?: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

export interface Databases {
  /** The database of this URL: the same object for the same URL. Connects lazily. Throws ConfigError for a bad URL. */
  open(url: string): Database
  close(): Promise<void>
}

export interface DatabaseDeps {
  /** Tells the operator of something that works but should not stay so. */
  readonly warn?: (message: string) => void
}

export function createDatabases(settings: DatabaseSettings, deps: DatabaseDeps = {}): Databases {
  const opened = new Map<string, Database>()
  const warn = deps.warn ?? (() => {})
  return {
    open: url => {
      const known = opened.get(url)
      if (known) return known
      const database = openDatabase(parseDatabaseUrl(url), settings, warn)
      opened.set(url, database)
      return database
    },
    close: async () => {
      await Promise.all([...opened.values()].map(database => database.close()))
    },
  }
}

function openDatabase(
  location: DatabaseLocation,
  settings: DatabaseSettings,
  warn: (message: string) => void,
): Database {
  let opening: Promise<SqlDatabase> | undefined
  const open = () => {
    opening ??= openDialect(location, settings).catch(cause => {
      opening = undefined
      throw cause
    })
    return opening
  }
  return {
    name: location.name,
    accountTable: options => openAccountTable(open, options, warn),
    ping: async () => {
      try {
        const database = await open()
        await database.read('ping', sql`select 1`.compile(database.builder))
        return true
      } catch {
        return false
      }
    },
    close: async () => {
      const database = await opening?.catch(() => undefined)
      await database?.close()
    },
  }
}

/** A driver is loaded only where its kind of database is used: that is a third of the start-up time. */
async function openDialect(location: DatabaseLocation, settings: DatabaseSettings): Promise<SqlDatabase> {
  if (location.kind === 'mysql') return (await import('./mysql.js')).openMysql(location, settings)
  return (await import('./sqlite.js')).openSqlite(location, settings)
}
