// add, set, show, list and delete for one kind of account. proxy-user.ts and local-user.ts say what is in one.

import {
  type AccountColumnTable,
  type AccountValues,
  importableColumns,
} from '../accounts/account-columns.js'
import type { AccountKind } from '../accounts/account-kinds.js'
import { accountPasswordOptions, readNewPassword } from './account-password.js'
import { type Call, type Command, CommandError, type CommandOptions, UsageError } from './command.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { readPasswordFrom } from './read-password.js'
import { useAccounts, withAccounts } from './use-accounts.js'
import { visible } from './visible-text.js'

/** What a kind of account has besides on the command line. */
export interface CommandedKind extends AccountKind {
  readonly examples: Readonly<Record<'add' | 'set' | 'show' | 'list' | 'delete' | 'import', string>>
}

const importOptions = {
  format: {
    type: 'string',
    value: 'FORMAT',
    description: 'csv, jsonl or passwd-file (default: by the name)',
  },
  existing: {
    type: 'string',
    value: 'WHAT',
    description: 'refuse, skip or update accounts that are there already (default: refuse)',
  },
  'dry-run': { type: 'boolean', description: 'say what would be refused, and change nothing' },
  resume: {
    type: 'boolean',
    description: 'go on after the last line that a broken-off import of this very file has stored',
  },
} as const

const backendPasswordOptions = {
  'pass-fd': {
    type: 'string',
    value: 'N',
    description:
      'read the password for the backend from file descriptor N: of --master, or of the user there',
  },
  'no-pass': { type: 'boolean', description: 'the backend is given the password that the client gave' },
} as const

const oneUser = { operands: 'USER', operandCount: { minimum: 1, maximum: 1 } } as const

/** The commands of a kind of account. */
export function accountCommands(kind: CommandedKind): Command[] {
  const { command, columns, examples, passwordIsOptional } = kind
  const what = command.replace('-', ' ')
  const settable = {
    ...columnOptions(columns),
    ...accountPasswordOptions,
    ...(kind.hasBackendPassword ? backendPasswordOptions : {}),
  }
  const askForPassword = {
    'ask-password': { type: 'boolean', description: 'ask for a password, or read it from stdin' },
  } as const
  const noPassword = {
    'no-password': { type: 'boolean', description: 'take the password away: the backend decides' },
  } as const
  return [
    {
      name: `${command} add`,
      ...oneUser,
      summary: `adds a ${what}`,
      details: passwordIsOptional
        ? 'Without a password, the backend decides on every login. With one, Homing verifies it first.'
        : 'The password is asked for, or read from stdin, unless a hash is given.',
      examples: [examples.add],
      options: { ...settable, ...(passwordIsOptional ? askForPassword : {}) },
      run: call => addAccount(call, kind),
    },
    {
      name: `${command} set`,
      ...oneUser,
      summary: `changes a ${what}; what is not named stays as it is`,
      examples: [examples.set],
      options: { ...settable, ...askForPassword, ...(passwordIsOptional ? noPassword : {}) },
      run: call => setAccount(call, kind),
    },
    {
      name: `${command} show`,
      ...oneUser,
      summary: `shows a ${what}, without the password`,
      examples: [examples.show],
      options: {},
      run: call => showAccount(call, kind),
    },
    {
      name: `${command} list`,
      operands: '[MASK]',
      operandCount: { minimum: 0, maximum: 1 },
      summary: `lists the ${what}s whose names match the mask (* and ?)`,
      details: 'With --json one JSON text a line.',
      examples: [examples.list],
      options: {},
      run: call => listAccounts(call, kind),
    },
    {
      name: `${command} delete`,
      ...oneUser,
      summary: `deletes a ${what}; to keep one out for a while, set --active no instead`,
      examples: [examples.delete],
      options: {},
      run: call => deleteAccount(call, kind),
    },
    {
      name: `${command} import`,
      operands: 'FILE',
      operandCount: { minimum: 1, maximum: 1 },
      summary: `adds many ${what}s from a file (- for stdin)`,
      details:
        `CSV with a heading, one JSON object a line, or a passwd-file. Columns: ${[...importableColumns(columns)].join(', ')}; ` +
        'a password is a hash with its {SCHEME}, or of crypt(3) ($6$…). Lines that cannot be stored are named by number.',
      examples: [examples.import],
      options: importOptions,
      run: call => importMany(call, kind),
    },
  ]
}

async function addAccount(call: Call, kind: AccountKind): Promise<ExitCode> {
  const values = readColumns(call, kind)
  const missing = kind.required.find(option => call.text(option) === undefined)
  if (missing !== undefined) throw new UsageError(`${kind.command} add needs --${missing}`)
  refuse(kind.check(values))
  const pass = await readBackendPassword(call, kind)
  return useAccounts(call, kind.table, async (accounts, user) => {
    // Asked before the password, so that nobody types one for nothing.
    if ((await accounts.show(user)) !== 'not_found') throw exists(kind, user)
    const password =
      kind.passwordIsOptional && !wantsPassword(call) ? null : await readNewPassword(call, user, kind)
    if ((await accounts.add(user, { ...values, ...pass, password })) === 'exists') throw exists(kind, user)
    return said(call, 'added', user)
  })
}

async function setAccount(call: Call, kind: AccountKind): Promise<ExitCode> {
  const values = readColumns(call, kind)
  const takesAway = kind.passwordIsOptional && call.flag('no-password')
  if (takesAway && wantsPassword(call))
    throw new UsageError('a password and --no-password contradict each other')
  const pass = await readBackendPassword(call, kind)
  if (Object.keys({ ...values, ...pass }).length === 0 && !takesAway && !wantsPassword(call)) {
    throw new UsageError(`${kind.command} set needs something to change`)
  }
  return useAccounts(call, kind.table, async (accounts, user) => {
    const before = theOne(await accounts.show(user), kind, user)
    refuse(kind.check({ ...before.values, ...values }))
    const password = takesAway
      ? null
      : wantsPassword(call)
        ? await readNewPassword(call, user, kind)
        : undefined
    const changed = { ...values, ...pass, ...(password !== undefined && { password }) }
    theOne(await accounts.set(user, changed), kind, user)
    return said(call, 'changed', user)
  })
}

async function showAccount(call: Call, kind: AccountKind): Promise<ExitCode> {
  return useAccounts(call, kind.table, async (accounts, name) => {
    const { user, values } = theOne(await accounts.show(name), kind, name)
    const account = { user, ...values }
    await call.terminal.print(call.json ? `${JSON.stringify(account)}\n` : table(account))
    return exitCode.ok
  })
}

async function listAccounts(call: Call, kind: AccountKind): Promise<ExitCode> {
  return useAccounts(call, kind.table, async accounts => {
    for await (const user of accounts.list(call.operands[0] ?? '*')) {
      await call.terminal.printNext(`${call.json ? JSON.stringify(user) : visible(user)}\n`)
    }
    return exitCode.ok
  })
}

async function deleteAccount(call: Call, kind: AccountKind): Promise<ExitCode> {
  return useAccounts(call, kind.table, async (accounts, user) => {
    theOne(await accounts.delete(user), kind, user)
    return said(call, 'deleted', user)
  })
}

async function importMany(call: Call, kind: AccountKind): Promise<ExitCode> {
  const { importAccounts } = await import('./import-accounts.js')
  return withAccounts(call, kind.table, (accounts, rules) => importAccounts(call, kind, accounts, rules))
}

function readColumns(call: Call, { columns }: AccountKind): AccountValues {
  const values: [string, string | number | null][] = []
  for (const [option, { column, read }] of Object.entries(columns)) {
    const text = call.text(option)
    if (text === undefined) continue
    const result = read(text)
    if ('wrong' in result) throw new CommandError(exitCode.badData, `--${option}: ${result.wrong}`)
    values.push([column, result.value])
  }
  return Object.fromEntries(values)
}

/** The column `pass`, if it is to change. */
async function readBackendPassword(
  call: Call,
  { hasBackendPassword }: AccountKind,
): Promise<{ readonly pass?: string | null }> {
  if (!hasBackendPassword) return {}
  if (call.flag('no-pass')) {
    if (call.text('pass-fd') !== undefined)
      throw new UsageError('--pass-fd and --no-pass contradict each other')
    return { pass: null }
  }
  const fd = call.text('pass-fd')
  if (fd === undefined) return {}
  return { pass: (await readPasswordFrom(fd, '--pass-fd')).reveal().toString('utf8') }
}

function wantsPassword(call: Call): boolean {
  return (
    call.flag('ask-password') ||
    call.text('password-fd') !== undefined ||
    call.text('password-hash') !== undefined
  )
}

function refuse(wrong: string | undefined): void {
  if (wrong !== undefined) throw new CommandError(exitCode.badData, wrong)
}

/** What was found or done, if it was one account. */
function theOne<T>(outcome: T | 'not_found' | 'several', { command }: AccountKind, user: string): T {
  const what = command.replace('-', ' ')
  if (outcome === 'not_found') throw new CommandError(exitCode.noSuchUser, `there is no ${what} ${user}`)
  if (outcome === 'several') {
    throw new CommandError(exitCode.badData, `more than one row is the ${what} ${user}; nothing was changed`)
  }
  return outcome as T
}

function exists({ command }: AccountKind, user: string): CommandError {
  const what = command.replace('-', ' ')
  return new CommandError(
    exitCode.badData,
    `the ${what} ${user} is there already; to change it: homing ${command} set`,
  )
}

async function said(call: Call, done: string, user: string): Promise<ExitCode> {
  await call.terminal.print(call.json ? `${JSON.stringify({ [done]: user })}\n` : `${done} ${user}\n`)
  return exitCode.ok
}

function table(account: AccountValues): string {
  const rows = Object.entries(account).filter(([, value]) => value !== null)
  const width = Math.max(...rows.map(([column]) => column.length))
  return rows.map(([column, value]) => `${column.padEnd(width)}  ${visible(String(value))}\n`).join('')
}

/** The options of `add` and `set`. */
function columnOptions(columns: AccountColumnTable): CommandOptions {
  return Object.fromEntries(
    Object.entries(columns).map(([option, { value, description }]) => [
      option,
      { type: 'string' as const, value, description },
    ]),
  )
}
