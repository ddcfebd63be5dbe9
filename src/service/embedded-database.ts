// What an embedded database needs before anybody asks it: that it is ours alone, and up to date.

import type { Engine } from '../engine.js'
import type { Logger } from '../telemetry/logger.js'

/**
 * Two services on one SQLite file would each cache, count and rehash what the other does not know of: throws when another
 * one has it.
 */
export async function claimEmbedded({ databases }: Engine): Promise<void> {
  for (const database of databases.opened()) {
    if (await database.claim()) continue
    throw new Error(
      `another homing serve is running on ${database.name}; several copies share a MariaDB or MySQL (database_url)`,
    )
  }
}

/**
 * The embedded database has no operator who would migrate it: migrated, or this throws. A server's database is left to
 * `homing migrate`, and one that is down does not keep us from starting.
 */
export async function migrateEmbedded({ database }: Engine, log: Logger): Promise<void> {
  if (!database.isEmbedded) return
  const outcome = await database.migrate()
  if (outcome.result === 'done') {
    for (const { what } of outcome.steps) log.info({ database: database.name }, `migrate: ${what}`)
    return
  }
  if (outcome.result === 'failed') {
    throw new Error(`${database.name} cannot be made ready: ${outcome.cause.message}`, {
      cause: outcome.cause,
    })
  }
  throw new Error(
    outcome.result === 'newer'
      ? `${database.name} was made by a newer Homing; start that version, or name another file in database_url`
      : `${database.name} is being migrated by another process; try again when that has ended`,
  )
}
