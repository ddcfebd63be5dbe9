// One open database per URL, shared by whoever names that URL.

import type { AccountTable, AccountTableOptions } from './account-table.js'

export interface Database {
  /** Without password: `mysql://dovecot@db1,db2:3306/mailproxy`, `sqlite:./data/homing.db`. */
  readonly name: string
  accountTable(options: AccountTableOptions): AccountTable
  /** Whether the database answers just now; for readiness. */
  ping(signal?: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

export interface Databases {
  /** The database of this URL: the same object for the same URL. Connects lazily. Throws ConfigError for a bad URL. */
  open(url: string): Database
  close(): Promise<void>
}
