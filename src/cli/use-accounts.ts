// Opens the accounts of one table for one command and closes the database again.

import { userInfo } from 'node:os'
import { databaseUrlOf } from '../config/database-urls.js'
import type { Accounts, AccountTableName } from '../database/accounts.js'
import { createUsernameRules, type UsernameRules } from '../model/username.js'
import { type Call, CommandError } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { migrateEmbedded } from './migrate-database.js'
import { openConfig } from './open-config.js'
import { openCacheTeller } from './tell-caches.js'

/**
 * Runs `use` with the accounts of the table and the first operand as a login name, made into what is stored by the
 * same rules that a login goes through.
 */
export function useAccounts<T extends AccountTableName>(
  call: Call,
  table: T,
  use: (accounts: Accounts<T>, user: string) => Promise<ExitCode>,
): Promise<ExitCode> {
  const user = call.operands[0] ?? ''
  return withAccounts(call, table, (accounts, rules) => use(accounts, nameOf(rules.normalise(user), user)))
}

/** Runs `use` with the accounts of the table, and the rules that make login names what is stored. */
export async function withAccounts<T extends AccountTableName>(
  call: Call,
  table: T,
  use: (accounts: Accounts<T>, rules: UsernameRules) => Promise<ExitCode>,
): Promise<ExitCode> {
  const config = openConfig(call)
  const rules = createUsernameRules(config.settings)
  const { createDatabases } = await import('../database/open-database.js')
  const teller = await openCacheTeller(call, config)
  const databases = createDatabases(config.settings, {
    warn: call.terminal.complain,
    changed: teller.changed,
  })
  try {
    const database = databases.open(databaseUrlOf(config, table))
    await migrateEmbedded(database)
    return await use(database.accounts(table, rules.normaliseStored, whoAsks()), rules)
  } finally {
    await Promise.all([teller.finish(), databases.close()])
  }
}

/** The name of whoever is logged in on this machine, for the audit. */
export function whoAsks(): string {
  try {
    return `cli ${userInfo().username}`
  } catch {
    // In a container nobody may have a name.
    return `cli uid ${process.getuid?.() ?? ''}`
  }
}

/** Of a mask nothing is asked: it may hold characters that a name may not. */
function nameOf(
  name: ReturnType<ReturnType<typeof createUsernameRules>['normalise']>,
  typed: string,
): string {
  if ('user' in name) return name.user
  if (typed === '' || /[*?]/.test(typed)) return typed
  throw new CommandError(exitCode.badData, `"${typed}" can be no user: ${name.refused}`)
}
