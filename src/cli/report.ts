// The guide's security questions as commands: whose logins fail, where from, and who logs in as somebody else.

import type { Database } from '../database/open-database.js'
import { isoTime, isTime, masterRow, type ReportRow as Row, withTimes } from '../model/login-report.js'
import { parseTimeInterval } from '../model/time-interval.js'
import { createUsernameRules, loginNameOf } from '../model/username.js'
import { type Call, type Command, type CommandOptions, UsageError } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { openConfig } from './open-config.js'
import { visible } from './visible-text.js'

interface Report {
  readonly summary: string
  /** From the option's value to the rows. */
  readonly ask: (database: Database, since: number, limit: number) => Promise<readonly object[]>
  /** Where the rows come from, for the help. */
  readonly details: string
  readonly heading: Readonly<Record<string, string>>
}

const SINCE = '24h'
const LIMIT = 20
const LIMIT_MAX = 100_000

const ofEvents =
  'Reads what `login_events` keeps: `failures` or `all`. Logins that Dovecot answers from its own auth cache are not ' +
  'among them. Times are UTC.'

const reports = {
  failures: {
    summary: 'whose logins failed, most often first',
    details: ofEvents,
    ask: ({ loginEvents }, since, limit) => loginEvents.failures(since, limit),
    heading: { user: 'user', failures: 'failures', addresses: 'addresses', last: 'last' },
  },
  addresses: {
    summary: 'where logins came from, most failures first',
    details: ofEvents,
    ask: ({ loginEvents }, since, limit) => loginEvents.addresses(since, limit),
    heading: { address: 'address', failures: 'failures', logins: 'logins', users: 'users', last: 'last' },
  },
  masters: {
    summary: 'which master users logged in as whom, or tried to, the latest first',
    details:
      'Reads the audit of master users, which is kept whatever `login_events` says. `verified`: who verified the ' +
      "master's password, Homing or the calling Dovecot. Times are UTC.",
    ask: async ({ masterUses }, since, limit) => (await masterUses.latest(since, limit)).map(masterRow),
    heading: {
      at: 'at',
      master: 'master',
      user: 'user',
      result: 'result',
      verified: 'verified',
      protocol: 'protocol',
      address: 'address',
      reason: 'reason',
    },
  },
} satisfies Readonly<Record<string, Report>>

const options: CommandOptions = {
  since: {
    type: 'string',
    value: 'TIME',
    description: `how far back to look: 24h, "7 days" (default: ${SINCE})`,
  },
  limit: { type: 'string', value: 'N', description: `how many lines (default: ${LIMIT})` },
}

const timeReports: Command[] = Object.entries<Report>(reports).map(([name, report]) => ({
  name: `report ${name}`,
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: report.summary,
  details: report.details,
  examples: [
    `homing report ${name} --since 24h`,
    `homing report ${name} --since "7 days" --limit 100 --json`,
  ],
  options,
  run: call => {
    const since = Math.floor((Date.now() - readInterval(call.text('since') ?? SINCE)) / 1000)
    const limit = readLimit(call.text('limit'))
    return printReport(call, report.heading, database => report.ask(database, since, limit))
  },
}))

const lastLogin: Command = {
  name: 'report last-login',
  operands: 'USER',
  operandCount: { minimum: 1, maximum: 1 },
  summary: 'when a user last logged in, by protocol',
  details: 'Reads what `last_login` keeps. Logins of master users as this user do not count. Times are UTC.',
  examples: ['homing report last-login anna@example.org'],
  options: {},
  run: call =>
    printReport(call, { protocol: 'protocol', at: 'at', address: 'address' }, ({ loginEvents }, nameOf) =>
      loginEvents.lastLogins(nameOf(call.operands[0] ?? '')),
    ),
}

export const reportCommands: readonly Command[] = [...timeReports, lastLogin]

async function printReport(
  call: Call,
  heading: Readonly<Record<string, string>>,
  /** `nameOf`: what a user is known as who is named in another way. */
  ask: (database: Database, nameOf: (written: string) => string) => Promise<readonly object[]>,
): Promise<ExitCode> {
  const config = openConfig(call)
  const { createDatabases } = await import('../database/open-database.js')
  const databases = createDatabases(config.settings, { warn: call.terminal.complain })
  const rules = createUsernameRules(config.settings)
  const nameOf = (written: string) => loginNameOf(rules, written)
  try {
    const rows = (await ask(databases.open(config.settings.database_url), nameOf)) as Row[]
    const { login_events, last_login } = config.settings
    if (rows.length === 0 && login_events === 'none' && !last_login) {
      call.terminal.complain('nothing is kept: login_events is "none" and last_login is off')
    }
    await call.terminal.print(call.json ? asJson(rows) : asTable(heading, rows))
  } finally {
    await databases.close()
  }
  return exitCode.ok
}

function asJson(rows: readonly Row[]): string {
  return rows.map(row => `${JSON.stringify(withTimes(row))}\n`).join('')
}

function asTable(heading: Readonly<Record<string, string>>, rows: readonly Row[]): string {
  const short = (at: number) => isoTime(at).slice(0, 19).replace('T', ' ')
  const lines = [heading, ...rows.map(row => withTimes(row, short))]
  const keys = Object.keys(heading)
  const widths = keys.map(key => Math.max(...lines.map(line => shown(line[key]).length)))
  const cell = (line: Row, key: string, column: number) => {
    const text = shown(line[key])
    if (column === keys.length - 1) return text
    return isNumber(rows[0]?.[key], key)
      ? text.padStart(widths[column] ?? 0)
      : text.padEnd(widths[column] ?? 0)
  }
  return lines.map(line => `${keys.map((key, column) => cell(line, key, column)).join('  ')}\n`).join('')
}

function isNumber(value: unknown, key: string): boolean {
  return typeof value === 'number' && !isTime(key)
}

const shown = (value: string | number | undefined): string => visible(String(value ?? ''))

function readInterval(text: string): number {
  const parsed = parseTimeInterval(text)
  if ('wrong' in parsed) throw new UsageError(`--since: ${parsed.wrong} (right: ${parsed.right})`)
  return parsed.ms
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return LIMIT
  if (!/^\d{1,6}$/.test(text) || Number(text) > LIMIT_MAX) {
    throw new UsageError(`--limit takes a whole number up to ${LIMIT_MAX}`)
  }
  return Number(text)
}
