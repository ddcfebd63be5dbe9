// What the suite needs of a database besides its URL: to be made, filled by hand, and looked into.

import type { DatabaseSettings } from '../../../src/database/database-settings.js'
import type { Database, Databases } from '../../../src/database/open-database.js'
import { createDatabases } from '../../../src/database/open-database.js'
import type { AccountChange } from '../../../src/database/record-change.js'
import type { UsernameRules } from '../../../src/model/username.js'

export interface TestDatabase {
  readonly url: string
  /** Runs statements of this dialect as the administrator; resolves to the last one's rows. */
  execute(sql: string): Promise<Record<string, unknown>[]>
}

export interface DatabaseMaker {
  readonly dialect: 'mysql' | 'sqlite'
  /** An empty database that no other test uses. */
  make(): Promise<TestDatabase>
}

export const testSettings: DatabaseSettings = {
  database_url: '',
  database_password: '',
  database_pool_size: 8,
  database_connect_timeout: 500,
  database_query_timeout: 900,
  database_idle_timeout: 60_000,
  database_tls: 'no',
  database_tls_ca_file: '',
  database_tls_cert_file: '',
  database_tls_key_file: '',
}

/** Dovecot's default: capitals of ASCII become small. */
export const lower = (name: string) => name.replace(/[A-Z]/g, letter => letter.toLowerCase())

/** The default rules, as far as these tests need them. */
export const defaultRules: UsernameRules = {
  normalise: name => (/^[\w.@-]+$/.test(name) ? { user: lower(name) } : { refused: 'a character' }),
  normaliseStored: lower,
}

interface Teardown {
  teardown(end: () => Promise<void>): unknown
}

/** The database, closed when the test ends. */
export function openFor(
  t: Teardown,
  url: string,
  settings: Partial<DatabaseSettings> = {},
  warn?: (message: string) => void,
): Database {
  return databasesFor(t, settings, warn).open(url)
}

export function databasesFor(
  t: Teardown,
  settings: Partial<DatabaseSettings> = {},
  warn: (message: string) => void = () => {},
  changed: (change: AccountChange) => void = () => {},
): Databases {
  const databases = createDatabases({ ...testSettings, ...settings }, { warn, changed })
  t.teardown(() => databases.close())
  return databases
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

const proxyColumns = {
  user: 'username',
  password: 'password',
  host: 'host',
  port: 'port',
  ssl_mode: 'ssl_mode',
  destuser: 'destuser',
  active: 'active',
}
/** The table of proxied users, as a passdb reads it. */
export const proxyTable = { table: 'proxy_users', columns: proxyColumns, normalise: lower }

/** Made to be something else where a name is expected. */
export const hostileNames = [
  "' or '1'='1",
  "' or 1=1 -- ",
  '" or ""="',
  "'; drop table proxy_users; --",
  "\\' or 1=1 #",
  "anna'/*",
  'anna\\',
  "anna\\' union select 1,2,3 -- ",
  '%',
  '_nna',
  'a%',
  '$' + '{7*7}',
  '{{7*7}}',
  '%{sha512:x}',
  '?',
  ':name',
  '@@version',
  '0x616e6e61',
  'anna\0',
  '\0anna',
  'anna\u0001',
  'anna\n',
  '日本@example.org',
  '😀',
  '\ud800',
  'ａnna',
  '__proto__',
  'constructor',
  '',
  ' ',
  'x'.repeat(65_536),
  "'".repeat(1000),
]
