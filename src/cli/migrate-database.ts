// Brings databases to this version: the embedded one whenever a command needs it, any other only by `homing migrate`.

import type { MigrateOptions, MigrationOutcome } from '../database/migrate.js'
import type { Database } from '../database/open-database.js'
import { CommandError } from './command.js'
import { exitCode } from './exit-code.js'

type Done = Extract<MigrationOutcome, { result: 'done' }>

/** Does what is missing, or throws a CommandError that says why not. */
export async function migrateDatabase(database: Database, options: MigrateOptions = {}): Promise<Done> {
  const outcome = await database.migrate(options)
  if (outcome.result === 'done') return outcome
  throw failure(database.name, outcome)
}

/** For commands and `serve`: a database server is its operator's to migrate, a file of ours is not. */
export async function migrateEmbedded(database: Database): Promise<void> {
  if (database.isEmbedded) await migrateDatabase(database)
}

function failure(name: string, outcome: Exclude<MigrationOutcome, Done>): CommandError {
  if (outcome.result === 'newer') {
    const unknown = outcome.unknown.join(', ')
    const message = `${name} was migrated by a newer Homing (${unknown}); nothing was changed`
    return new CommandError(exitCode.configuration, message)
  }
  if (outcome.result === 'locked') {
    const message = `${name} is being migrated by another copy of Homing; nothing was changed`
    return new CommandError(exitCode.temporaryFailure, message)
  }
  const { migration, step, steps, cause } = outcome
  const where = [migration, step].filter(part => part !== undefined).join(': ')
  const done = steps.length > 0 ? ` (done before: ${steps.map(({ what }) => what).join(', ')})` : ''
  const message = `cannot migrate ${name}: ${where}${where && ': '}${cause.message}${done}`
  const code = cause.temporary ? exitCode.temporaryFailure : exitCode.unavailable
  return new CommandError(code, message, { cause })
}
