import t from 'tap'
import { type Command, UsageError } from '../../../src/cli/command.js'
import { commandHelp, overview } from '../../../src/cli/help.js'
import { parseCommandLine } from '../../../src/cli/parse-command-line.js'
import type { Paint } from '../../../src/cli/terminal.js'

function command(name: string, maximum = 0, options: Command['options'] = {}): Command {
  return {
    name,
    operands: maximum > 0 ? 'USER' : '',
    operandCount: { minimum: maximum, maximum },
    summary: `does ${name}`,
    examples: [`homing ${name}`],
    options,
    run: async () => 0,
  }
}

const passwordFd = { 'password-fd': { type: 'string', description: '' } } as const
const commands = [
  command('serve'),
  command('user', 1),
  command('auth test', 1, passwordFd),
  command('auth lookup', 1),
  command('local-user add', 1, { ...passwordFd, 'password-hash': { type: 'string', description: '' } }),
]

const parse = (...args: string[]) => parseCommandLine(args, commands)

function complaint(...args: string[]): string {
  try {
    parse(...args)
    return ''
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return error.message
  }
}

t.test('a command is found by its words, with operands and options in any order', async t => {
  t.match(parse('auth', 'test', '--json', 'anna', '--password-fd', '3'), {
    kind: 'command',
    command: { name: 'auth test' },
    operands: ['anna'],
    values: { json: true, 'password-fd': '3' },
  })
  t.match(parse('serve', '-o', 'a=1', '--set', 'b=2'), { values: { set: ['a=1', 'b=2'] } })
  t.match(parse('user', '--', '--odd-name'), { operands: ['--odd-name'] })
})

t.test('help is given for a command, for a group and for all', async t => {
  t.match(parse('auth', 'test', '--help'), { kind: 'help', command: { name: 'auth test' } })
  t.match(parse('auth', '--help'), { kind: 'help', prefix: 'auth' })
  t.match(parse('help'), { kind: 'help', prefix: '' })
  t.match(parse('--help'), { kind: 'help', prefix: '' })
  t.match(parse('--version'), { kind: 'version' })
})

t.test('what means nothing is refused, with what was probably meant', async t => {
  t.equal(complaint(), 'which command?')
  t.equal(complaint('serv'), 'there is no command "serv"; did you mean "serve"?')
  t.equal(complaint('auth', 'tset', 'anna'), 'there is no command "auth"; did you mean "auth test"?')
  t.equal(complaint('auth'), '"auth" what? There are test, lookup')
  t.equal(complaint('serve', '--jsno'), 'there is no option --jsno; did you mean --json?')
  t.equal(complaint('user'), 'user needs USER')
  t.equal(complaint('user', 'a', 'b'), 'too many arguments: user takes USER')
  t.match(complaint('serve', '--config'), /--config/)
})

t.test('a password in argv is refused with the reason, and not repeated', async t => {
  for (const args of [['--password=s3cret'], ['--password', 's3cret'], ['--pass', 's3cret'], ['s3cret']]) {
    const said = complaint('auth', 'test', 'anna', ...args)
    t.match(said, /everybody on this machine can read a command line \(ps\).*--password-fd N/)
    t.notMatch(said, /s3cret/)
  }
  for (const hash of ['{PLAIN}s3cret', '{plain.b64}czNjcmV0', '{CLEARTEXT}s3cret']) {
    t.match(complaint('local-user', 'add', 'anna', '--password-hash', hash), /takes no clear password/)
    t.match(complaint('local-user', 'add', 'anna', `--password-hash=${hash}`), /takes no clear password/)
  }
  t.match(parse('local-user', 'add', 'anna', '--password-hash', '{SHA512-CRYPT}$6$x'), { kind: 'command' })
})

const paint: Paint = { good: x => x, bad: x => x, heading: x => x }

t.test('every help has its usage, its options and an example', async t => {
  for (const one of commands) {
    const text = commandHelp(one, paint)
    t.match(text, `Usage  homing ${one.name} [options]`)
    t.match(text, `\n  homing ${one.name}\n`)
    for (const option of Object.keys(one.options)) t.match(text, `--${option}`)
  }
  t.match(overview(commands, '', paint), /homing serve +does serve\n/)
  t.notMatch(overview(commands, 'auth', paint), /homing serve/)
})
