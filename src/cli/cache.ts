// The auth caches of all copies that run, and of the Dovecots that are configured.

import type { Asked, CacheControl, CopyStatus, Flushed } from '../cache/cache-control.js'
import { type CacheStats, statsLines } from '../cache/cache-stats.js'
import { createUsernameRules } from '../model/username.js'
import { type Call, type Command, UsageError } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { migrateEmbedded } from './migrate-database.js'
import { openConfig } from './open-config.js'

const flush: Command = {
  name: 'cache flush',
  operands: '[USER|MASK…]',
  operandCount: { minimum: 0, maximum: 1000 },
  summary:
    'makes all copies, and Dovecot, forget what they cached about users; without a name, about everybody',
  details:
    'Prints who confirmed; exit code 75 when somebody did not. A mask has * for any characters and ? for one; of ' +
    'Dovecots, who know no masks before 2.4.3, all is flushed then. A change that is made with homing needs no flush.',
  examples: ['homing cache flush anna@example.org', "homing cache flush '*@example.org'"],
  options: {},
  run: call => {
    // A variable of a script that is empty must not mean everybody.
    if (call.operands.includes('')) throw new UsageError('a name is empty; without any name all are flushed')
    return useCaches(call, async caches => printFlushed(call, await caches.flush(call.operands)))
  },
}

const status: Command = {
  name: 'cache status',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: 'shows how the auth cache of every copy is doing, in the words of Dovecot’s log',
  examples: ['homing cache status', 'homing cache status --reset --json'],
  options: { reset: { type: 'boolean', description: 'begin to count anew; what is cached stays' } },
  run: call =>
    useCaches(call, async caches => printStatus(call, await caches.status({ reset: call.flag('reset') }))),
}

export const cacheCommands: readonly Command[] = [flush, status]

/** Longer than a copy without a bus takes to look. */
const PATIENCE_MS = 5000

async function useCaches(call: Call, use: (caches: CacheControl) => Promise<ExitCode>): Promise<ExitCode> {
  const config = openConfig(call)
  const { settings } = config
  const [{ createDatabases }, { openState }, { createCacheControl }, { openDovecotCaches }] =
    await Promise.all([
      import('../database/open-database.js'),
      import('../state/open-state.js'),
      import('../cache/cache-control.js'),
      import('../dovecot/dovecot-caches.js'),
    ])
  const databases = createDatabases(settings, { warn: call.terminal.complain })
  const state = await openState(settings)
  try {
    const database = databases.open(settings.database_url)
    await migrateEmbedded(database)
    const dovecots = openDovecotCaches(settings)
    return await use(
      createCacheControl({
        copies: database.copies,
        state,
        dovecots,
        rules: createUsernameRules(settings),
        patienceMs: PATIENCE_MS + settings.auth_cache_poll_interval,
      }),
    )
  } finally {
    await Promise.all([databases.close(), state.close()])
  }
}

async function printFlushed(call: Call, flushed: Flushed): Promise<ExitCode> {
  const { json, terminal } = call
  const code = flushed.complete ? exitCode.ok : exitCode.temporaryFailure
  if (json) {
    await terminal.print(`${JSON.stringify(flushed)}\n`)
    return code
  }
  for (const { name, confirmed, entries } of flushed.copies) {
    if (confirmed) await terminal.print(`${name}: ${entries} cache entries flushed\n`)
    else terminal.complain(`${name}: has not confirmed`)
  }
  for (const dovecot of flushed.dovecots) {
    if (dovecot.confirmed) await terminal.print(`${dovecot.name}: ${dovecot.entries} cache entries flushed\n`)
    else terminal.complain(`${dovecot.name}: has not confirmed: ${dovecot.reason}`)
  }
  tellTrouble(call, flushed)
  if (flushed.complete && flushed.copies.length === 0) await terminal.print(NOBODY)
  return code
}

async function printStatus(call: Call, asked: Asked<CopyStatus>): Promise<ExitCode> {
  const { json, terminal } = call
  const complete = asked.trouble === undefined && asked.copies.every(({ stats }) => stats)
  if (json) await terminal.print(`${JSON.stringify(asked)}\n`)
  else {
    for (const { name, stats } of asked.copies) {
      if (stats) await terminal.print(`${name}\n${statusLines(stats)}`)
      else terminal.complain(`${name}: has not answered`)
    }
    tellTrouble(call, asked)
    if (complete && asked.copies.length === 0) await terminal.print(NOBODY)
  }
  return complete ? exitCode.ok : exitCode.temporaryFailure
}

const NOBODY = 'no copy with an auth cache runs\n'

function statusLines(stats: CacheStats): string {
  return statsLines(stats)
    .map(line => `  ${line}\n`)
    .join('')
}

function tellTrouble({ terminal }: Call, { trouble }: Asked<unknown>): void {
  if (trouble !== undefined) terminal.complain(`homing: the copies cannot be asked: ${trouble}`)
}
