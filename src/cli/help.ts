// The help texts, made from the table of commands.

import type { Command, CommandOptions } from './command.js'
import { commonOptions } from './parse-command-line.js'
import type { Paint } from './terminal.js'

/** All commands, or those that begin with the prefix, one line each. */
export function overview(commands: readonly Command[], prefix: string, paint: Paint): string {
  const wanted = commands.filter(({ name }) => prefix === '' || name.startsWith(`${prefix} `))
  const rows = wanted.map(
    ({ name, operands, summary }) => [`homing ${name} ${operands}`.trim(), summary] as const,
  )
  return [
    'homing answers Dovecot: who is this, may they log in, and which server holds their mail?',
    '',
    paint.heading('Commands'),
    ...table(rows),
    '',
    'homing COMMAND --help explains a command. Exit codes: 0 ok, 64 usage, 65 bad data, 67 no such user,',
    '69 unavailable, 75 temporary failure, 77 refused, 78 configuration.',
    '',
  ].join('\n')
}

/** One command with its options and an example. */
export function commandHelp(command: Command, paint: Paint): string {
  const { name, operands, summary, details, examples, options } = command
  return [
    `${paint.heading('Usage')}  homing ${[name, '[options]', operands].filter(part => part !== '').join(' ')}`,
    '',
    ...wrap(summary),
    ...(details === undefined ? [] : ['', ...wrap(details)]),
    '',
    paint.heading('Options'),
    ...table(Object.entries({ ...options, ...commonOptions }).map(describeOption)),
    '',
    paint.heading(examples.length === 1 ? 'Example' : 'Examples'),
    ...examples.map(example => `  ${example}`),
    '',
  ].join('\n')
}

function describeOption([name, option]: [string, CommandOptions[string]]): readonly [string, string] {
  const short = option.short === undefined ? '' : `-${option.short}, `
  return [`${short}--${name}${option.value === undefined ? '' : ` ${option.value}`}`, option.description]
}

const WIDTH = 100
const WIDEST_FIRST_COLUMN = 46

function table(rows: readonly (readonly [string, string])[]): string[] {
  const first = Math.min(WIDEST_FIRST_COLUMN, Math.max(...rows.map(([left]) => left.length)))
  return rows.flatMap(([left, right]) => {
    const lines = wrap(right, WIDTH - first - 4)
    const head = left.length > first ? [`  ${left}`] : []
    const label = left.length > first ? '' : left
    return [...head, ...lines.map((line, place) => `  ${(place === 0 ? label : '').padEnd(first)}  ${line}`)]
  })
}

function wrap(text: string, width = WIDTH): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
