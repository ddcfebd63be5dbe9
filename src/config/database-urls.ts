// Which databases hold our tables: proxied and local users may be kept in two.

import type { HomingConfig } from './program-schema.js'

const ownTables = ['proxy_users', 'local_users', 'master_users']

/** The database of the service, and those of passdbs that keep one of our tables elsewhere, each once. */
export function databaseUrls(config: HomingConfig): string[] {
  return [...new Set([config.settings.database_url, ...ownTables.map(table => databaseUrlOf(config, table))])]
}

/** The database of the first passdb that reads the table; when none does, the database of the service. */
export function databaseUrlOf({ passdbs, settings }: HomingConfig, table: string): string {
  const reads = passdbs
    .filter(({ driver }) => driver === 'sql')
    .map(({ options }) => options as { table?: string; database_url?: string })
    .find(options => options.table === table)
  return reads?.database_url || settings.database_url
}
