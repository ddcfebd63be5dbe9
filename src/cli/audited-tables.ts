// Which tables hold passwords: those of all sql passdbs of the configuration, each once.

import type { HomingConfig } from '../config/program-schema.js'
import type { AccountTable } from '../database/account-table.js'
import type { Databases } from '../database/open-database.js'
import { createUsernameRules } from '../model/username.js'
import { accountColumns } from '../passdb/account-columns.js'

export interface AuditedTable {
  /** The database without its password. */
  readonly database: string
  readonly table: string
  readonly passdb: string
  /** Of a value without {SCHEME}. */
  readonly defaultScheme: string
  readonly accounts: AccountTable
  /** Whoever is in it can be everybody. */
  readonly isMaster: boolean
}

interface SqlOptions {
  readonly table: string
  readonly columns: Readonly<Record<string, string>>
  readonly database_url: string
}

/** In the order of the chain; a table that two passdbs read alike is there once. Throws ConfigError as `serve` does. */
export function auditedTables(config: HomingConfig, databases: Databases): AuditedTable[] {
  const { normaliseStored } = createUsernameRules(config.settings)
  const known = new Set<string>()
  const tables: AuditedTable[] = []
  for (const { name, driver, settings, options } of config.passdbs) {
    if (driver !== 'sql') continue
    const given = options as SqlOptions
    const columns = accountColumns(name, given.table, given.columns)
    if (columns.password === undefined) continue
    const url = given.database_url || config.settings.database_url
    const defaultScheme = settings.default_password_scheme
    const key = JSON.stringify([
      url,
      given.table,
      columns.user,
      columns.domain,
      columns.password,
      defaultScheme,
      settings.master,
    ])
    if (known.has(key)) continue
    known.add(key)
    const database = databases.open(url)
    const accounts = database.accountTable({ table: given.table, columns, normalise: normaliseStored })
    tables.push({
      database: database.name,
      table: given.table,
      passdb: name,
      defaultScheme,
      accounts,
      isMaster: settings.master,
    })
  }
  return tables
}
