// The lists of the policy: whom it always lets in, and whom never. A running service follows within two seconds.

import { parseNetwork } from '../model/networks.js'
import { parseTimeInterval } from '../model/time-interval.js'
import { createUsernameRules } from '../model/username.js'
import { type ListEntry, type ListName, listEntry } from '../policy/policy-lists.js'
import { openStoredLists, type StoredLists } from '../policy/stored-lists.js'
import { type Call, type Command, CommandError, type CommandOptions, UsageError } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { migrateEmbedded } from './migrate-database.js'
import { openConfig } from './open-config.js'
import { whoAsks } from './use-accounts.js'
import { visible } from './visible-text.js'

const login: CommandOptions = {
  login: {
    type: 'string',
    value: 'USER',
    description: 'this user alone, from the address or network that is named',
  },
}

const addOptions: CommandOptions = {
  ...login,
  for: { type: 'string', value: 'TIME', description: '"2 hours", 7d; without it for good' },
  reason: { type: 'string', value: 'TEXT', description: 'for whoever reads the list later' },
}

const one = {
  operands: 'ADDRESS|NETWORK|USER',
  operandCount: { minimum: 1, maximum: 1 },
} as const

const details =
  'A running service follows within two seconds. What is allowed goes before what is blocked, and before all rules.'

const allow: Command = {
  name: 'policy allow',
  ...one,
  summary: 'never refuses or slows down who is named, whatever the rules say',
  details,
  examples: [
    'homing policy allow 192.0.2.0/24 --reason office',
    'homing policy allow anna@example.org --for 1d',
  ],
  options: addOptions,
  run: call => add(call, 'allow'),
}

const block: Command = {
  name: 'policy block',
  ...one,
  summary: 'refuses who is named, before a password is looked at',
  details,
  examples: [
    'homing policy block 203.0.113.7 --for "2 hours" --reason scanner',
    'homing policy block 198.51.100.0/24 --login anna@example.org',
  ],
  options: addOptions,
  run: call => add(call, 'block'),
}

const remove = (name: string, list: ListName): Command => ({
  name,
  ...one,
  summary: `takes an entry from the list of who is ${list === 'allow' ? 'allowed' : 'blocked'}; exit code 67 when it is not there`,
  examples: [`homing ${name} 192.0.2.0/24`],
  options: login,
  run: call =>
    useLists(call, async ({ stored, nameOf }) => {
      const entry = entryOf(call, list, nameOf)
      const outcome = await stored.remove(entry, { by: whoAsks() })
      if (outcome === 'removed') return said(call, 'removed', entry)
      throw new CommandError(exitCode.noSuchUser, `${target(entry)} is not on that list`)
    }),
})

const list: Command = {
  name: 'policy list',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: 'lists who is allowed and who is blocked, until when and why',
  details: 'With --json one JSON text a line. Times are UTC.',
  examples: ['homing policy list'],
  options: {},
  run: call =>
    useLists(call, async ({ stored: { lists } }) => {
      for (const entry of [...lists.all('allow'), ...lists.all('block')]) {
        await call.terminal.printNext(`${call.json ? JSON.stringify(plain(entry)) : visible(line(entry))}\n`)
      }
      return exitCode.ok
    }),
}

export const policyCommands: readonly Command[] = [
  list,
  allow,
  block,
  remove('policy disallow', 'allow'),
  remove('policy unblock', 'block'),
]

interface OpenLists {
  readonly stored: StoredLists
  readonly nameOf: (login: string) => string
}

async function useLists(call: Call, use: (lists: OpenLists) => Promise<ExitCode>): Promise<ExitCode> {
  const { settings } = openConfig(call)
  const [{ createDatabases }, { systemClock }] = await Promise.all([
    import('../database/open-database.js'),
    import('../model/clock.js'),
  ])
  const rules = createUsernameRules(settings)
  const databases = createDatabases(settings, { warn: call.terminal.complain })
  try {
    const database = databases.open(settings.database_url)
    await migrateEmbedded(database)
    // Here a database that cannot be read is the end, and no reason to go on with what was.
    await database.policyLists.read(systemClock.unixSeconds())
    const stored = openStoredLists(database.policyLists, {
      clock: systemClock,
      warn: call.terminal.complain,
    })
    try {
      await stored.follow()
      return await use({ stored, nameOf: typed => nameOf(rules.normalise(typed), typed) })
    } finally {
      stored.close()
    }
  } finally {
    await databases.close()
  }
}

function nameOf(name: { readonly user: string } | { readonly refused: string }, typed: string): string {
  if ('user' in name) return name.user
  throw new CommandError(exitCode.badData, `"${typed}" can be no user: ${name.refused}`)
}

async function add(call: Call, list: ListName): Promise<ExitCode> {
  return useLists(call, async ({ stored, nameOf }) => {
    const entry = entryOf(call, list, nameOf)
    await stored.put(entry, { by: whoAsks() })
    return said(call, list === 'allow' ? 'allowed' : 'blocked', entry)
  })
}

function entryOf(call: Call, list: ListName, nameOf: OpenLists['nameOf']): ListEntry {
  const [named = ''] = call.operands
  const user = call.text('login')
  const isNetwork = parseNetwork(named) !== undefined
  if (!isNetwork && user !== undefined) throw new UsageError(`"${named}" is neither an address nor a network`)
  const login = isNetwork ? user : named
  const expires = expiry(call)
  const entry = listEntry(list, {
    ...(isNetwork && { network: named }),
    ...(login !== undefined && { login: nameOf(login) }),
    ...(expires !== undefined && { expires }),
    reason: call.text('reason') ?? '',
  })
  if ('wrong' in entry) throw new CommandError(exitCode.badData, entry.wrong)
  return entry
}

function expiry(call: Call): number | undefined {
  const text = call.text('for')
  if (text === undefined) return undefined
  const parsed = parseTimeInterval(text)
  if ('ms' in parsed) return Math.ceil((Date.now() + parsed.ms) / 1000)
  throw new CommandError(exitCode.badData, `--for: ${parsed.wrong} (right: ${parsed.right})`)
}

const target = ({ network, login }: ListEntry): string =>
  network === undefined ? (login ?? '') : login === undefined ? network : `${login} from ${network}`

async function said(call: Call, done: string, entry: ListEntry): Promise<ExitCode> {
  await call.terminal.print(
    call.json ? `${JSON.stringify({ [done]: plain(entry) })}\n` : `${done} ${target(entry)}\n`,
  )
  return exitCode.ok
}

const until = ({ expires }: ListEntry): string =>
  expires === undefined ? 'for good' : `until ${new Date(expires * 1000).toISOString()}`

function line(entry: ListEntry): string {
  const reason = entry.reason === '' ? '' : `  ${entry.reason}`
  return `${entry.list.padEnd(5)}  ${target(entry)}  ${until(entry)}${reason}`
}

function plain({ list, network, login, reason, expires }: ListEntry): object {
  return {
    list,
    ...(network !== undefined && { network }),
    ...(login !== undefined && { login }),
    reason,
    expires,
  }
}
