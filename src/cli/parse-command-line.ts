// argv → which command, with which operands and options. Pure.

import { type ParseArgsConfig, parseArgs } from 'node:util'
import { nearestName } from '../config/nearest-name.js'
import { type Command, type CommandOptions, UsageError } from './command.js'

/** What every command understands. */
export const commonOptions: CommandOptions = {
  config: {
    type: 'string',
    value: 'FILE',
    description: 'the configuration (default: $HOMING_CONFIG, ./homing.toml)',
  },
  set: {
    type: 'string',
    short: 'o',
    multiple: true,
    value: 'KEY=VALUE',
    description: 'a setting for this run; may be given more than once',
  },
  json: { type: 'boolean', description: 'output for programs' },
  'no-color': { type: 'boolean', description: 'no colours, as with NO_COLOR set' },
  help: { type: 'boolean', short: 'h', description: 'this text' },
}

export type CommandLine =
  | {
      readonly kind: 'command'
      readonly command: Command
      readonly operands: readonly string[]
      readonly values: OptionValues
    }
  /** Help about a command, about the commands that begin with these words, or about all of them. */
  | { readonly kind: 'help'; readonly command?: Command; readonly prefix: string }
  | { readonly kind: 'version' }

export type OptionValues = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>

/** Throws UsageError for what means nothing. */
export function parseCommandLine(args: readonly string[], commands: readonly Command[]): CommandLine {
  if (args.length === 1 && args[0] === '--version') return { kind: 'version' }
  const command = findCommand(args, commands)
  if (!command || asksForCommandHelp(args, commands)) return helpOrComplaint(args, commands)

  const rest = args.slice(command.name.split(' ').length)
  refusePasswords(command, rest)
  const { values, positionals } = parseRest(command, rest)
  if (values.help === true) return { kind: 'help', command, prefix: '' }
  countOperands(command, positionals)
  return { kind: 'command', command, operands: positionals, values }
}

function findCommand(args: readonly string[], commands: readonly Command[]): Command | undefined {
  return commands
    .filter(({ name }) => name.split(' ').every((word, place) => args[place] === word))
    .sort((a, b) => b.name.length - a.name.length)[0]
}

/** `homing help`, `homing help local-user`; `homing help TOPIC` is a command of its own. */
function asksForCommandHelp([first, ...words]: readonly string[], commands: readonly Command[]): boolean {
  const typed = words.join(' ')
  return first === 'help' && (typed === '' || commands.some(({ name }) => name.startsWith(`${typed} `)))
}

function helpOrComplaint(args: readonly string[], commands: readonly Command[]): CommandLine {
  const words = args.filter(arg => !arg.startsWith('-'))
  const asksForHelp = args.some(arg => arg === '--help' || arg === '-h') || words[0] === 'help'
  const typed = words.filter(word => word !== 'help').join(' ')
  const known = commands.map(({ name }) => name)
  const isPrefix = typed === '' || known.some(name => name.startsWith(`${typed} `))
  if (asksForHelp && isPrefix) return { kind: 'help', prefix: typed }
  if (typed === '') throw new UsageError('which command?')
  if (isPrefix) throw new UsageError(`"${typed}" what? ${subcommands(typed, known)}`)

  const nearest = nearestName(words.slice(0, 2).join(' '), known) ?? nearestName(words[0] ?? '', known)
  throw new UsageError(`there is no command "${words[0]}"${nearest ? `; did you mean "${nearest}"?` : ''}`)
}

function subcommands(prefix: string, known: readonly string[]): string {
  const names = known.filter(name => name.startsWith(`${prefix} `)).map(name => name.slice(prefix.length + 1))
  return `There are ${names.join(', ')}`
}

const NEVER_IN_ARGV =
  'everybody on this machine can read a command line (ps). ' +
  'A password is asked for, or read from stdin, or with --password-fd N'

/** Said before anything else is checked, and without repeating what was typed. */
function refusePasswords({ name, options }: Command, args: readonly string[]): void {
  const given = args.some(arg => /^--(password|pass|passwd)(=|$)/.test(arg))
  if (given) throw new UsageError(`${name} takes no password as an argument: ${NEVER_IN_ARGV}`)
  const takesHash = 'password-hash' in options
  const hash = args.find(
    (arg, place) => arg.startsWith('--password-hash=') || args[place - 1] === '--password-hash',
  )
  if (takesHash && hash !== undefined && /\{(PLAIN|CLEAR|CLEARTEXT)[}.]/i.test(hash)) {
    throw new UsageError(`--password-hash takes no clear password: ${NEVER_IN_ARGV}`)
  }
}

function parseRest(
  command: Command,
  args: readonly string[],
): { values: OptionValues; positionals: string[] } {
  const options = { ...commonOptions, ...command.options }
  try {
    const config = Object.fromEntries(
      Object.entries(options).map(([name, { type, short, multiple = false }]) => [
        name,
        short === undefined ? { type, multiple } : { type, multiple, short },
      ]),
    ) satisfies ParseArgsConfig['options']
    return parseArgs({ args: [...args], options: config, allowPositionals: true })
  } catch (error) {
    throw new UsageError(describe(error as NodeJS.ErrnoException, args, Object.keys(options)))
  }
}

function describe(
  { code, message }: NodeJS.ErrnoException,
  args: readonly string[],
  known: string[],
): string {
  const unknown = /^Unknown option '(--?[^']+)'/.exec(message)?.[1]
  if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || unknown === undefined)
    return message.split('\n')[0] ?? message
  const nearest = args.includes('--') ? undefined : nearestName(unknown.replace(/^--?/, ''), known)
  return `there is no option ${unknown}${nearest ? `; did you mean --${nearest}?` : ''}`
}

function countOperands({ name, operands, operandCount, options }: Command, given: readonly string[]): void {
  if (given.length < operandCount.minimum) throw new UsageError(`${name} needs ${operands}`)
  if (given.length <= operandCount.maximum) return
  const asInDoveadm = 'password-fd' in options ? `. A password is no argument: ${NEVER_IN_ARGV}` : ''
  throw new UsageError(`too many arguments: ${name} takes ${operands || 'none'}${asInDoveadm}`)
}
