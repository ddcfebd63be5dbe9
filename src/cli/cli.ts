// The table of commands, and how one of them is run.

import { readFileSync } from 'node:fs'
import { DatabaseError } from '../database/database-error.js'
import { ConfigError } from '../model/config-error.js'
import { authLookup } from './auth-lookup.js'
import { authTest } from './auth-test.js'
import { cacheCommands } from './cache.js'
import { type Call, type Command, CommandError, UsageError } from './command.js'
import { configCheck } from './config-check.js'
import { configDump } from './config-dump.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { hashAudit } from './hash-audit.js'
import { health } from './health.js'
import { commandHelp, overview } from './help.js'
import { helpCommand } from './help-command.js'
import { localUserCommands } from './local-user.js'
import { masterUserCommands } from './master-user.js'
import { migrate } from './migrate.js'
import { ConfigProblems } from './open-config.js'
import { type OptionValues, parseCommandLine } from './parse-command-line.js'
import { policyCommands } from './policy.js'
import { proxyUserCommands } from './proxy-user.js'
import { pw } from './pw.js'
import { reportCommands } from './report.js'
import { serve } from './serve.js'
import { OutputError, processTerminal, ReaderGone, type Terminal, wantsColour } from './terminal.js'
import { user } from './user.js'

export const commands: readonly Command[] = [
  serve,
  health,
  migrate,
  authTest,
  authLookup,
  user,
  ...proxyUserCommands,
  ...localUserCommands,
  ...masterUserCommands,
  ...cacheCommands,
  ...policyCommands,
  pw,
  hashAudit,
  ...reportCommands,
  configCheck,
  configDump,
  helpCommand,
]

/** Runs what the arguments say. Resolves to the exit code; throws only for a bug. */
export async function runCli(args: readonly string[]): Promise<ExitCode> {
  const terminal = processTerminal(wantsColour(process.env) && !args.includes('--no-color'))
  try {
    const code = await runCommand(args, terminal)
    await terminal.flushed()
    return code
  } catch (error) {
    if (error instanceof ReaderGone) return exitCode.ok
    if (!(error instanceof OutputError)) throw error
    terminal.complain(`homing: ${error.message}`)
    return exitCode.unavailable
  }
}

async function runCommand(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const json = args.includes('--json')
  try {
    const line = parseCommandLine(args, commands)
    if (line.kind === 'command') return await line.command.run(callOf(line.operands, line.values, terminal))
    await terminal.print(line.kind === 'version' ? version() : helpText(line, terminal))
    return exitCode.ok
  } catch (error) {
    const said = explain(error, args)
    if (json) await terminal.print(`${JSON.stringify(said.json)}\n`)
    else terminal.complain(said.text)
    return said.exitCode
  }
}

function helpText({ command, prefix }: { command?: Command; prefix: string }, { paint }: Terminal): string {
  return command ? commandHelp(command, paint) : overview(commands, prefix, paint)
}

function version(): string {
  const file = new URL('../../../package.json', import.meta.url)
  const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name: string; version: string }
  return `${name} ${version}\n`
}

function callOf(operands: readonly string[], values: OptionValues, terminal: Terminal): Call {
  return {
    operands,
    text: option => {
      const value = values[option]
      return typeof value === 'string' ? value : undefined
    },
    texts: option => {
      const value = values[option]
      return Array.isArray(value) ? value.map(String) : []
    },
    flag: option => values[option] === true,
    json: values.json === true,
    terminal,
  }
}

interface Explanation {
  readonly exitCode: ExitCode
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
}

/** What a person and what a program is told. A bug goes on up with its stack. */
function explain(error: unknown, args: readonly string[]): Explanation {
  if (error instanceof UsageError) {
    const command = args
      .filter(arg => !arg.startsWith('-'))
      .slice(0, 2)
      .join(' ')
    const known = commands.some(({ name }) => name === command) ? ` ${command}` : ''
    const text = `homing: ${error.message}\nTry: homing${known} --help`
    return { exitCode: exitCode.usage, text, json: { error: 'usage', message: error.message } }
  }
  if (error instanceof ConfigProblems) {
    const text = `homing: the configuration has mistakes:\n${error.message.replace(/^/gm, '  ')}`
    return { exitCode: error.exitCode, text, json: { error: 'configuration', problems: error.problems } }
  }
  if (error instanceof CommandError) {
    const { message } = error
    return { exitCode: error.exitCode, text: `homing: ${message}`, json: { error: 'failed', message } }
  }
  if (error instanceof ConfigError) {
    const { message } = error
    return {
      exitCode: exitCode.configuration,
      text: `homing: ${message}`,
      json: { error: 'configuration', problems: [{ wrong: message }] },
    }
  }
  if (error instanceof DatabaseError) {
    const hint = /no such table|ER_NO_SUCH_TABLE/.test(error.message)
      ? '; homing migrate makes the tables'
      : ''
    const message = `${error.message}${hint}`
    const code = error.temporary ? exitCode.temporaryFailure : exitCode.unavailable
    return { exitCode: code, text: `homing: ${message}`, json: { error: 'database', message } }
  }
  throw error
}
