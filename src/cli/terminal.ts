// Where a command reads and writes; colours only where a person sees them.

import { once } from 'node:events'

export interface Terminal {
  readonly environment: NodeJS.ProcessEnv
  /** Writes to stdout; waits while the reader is slow. */
  print(text: string): Promise<void>
  /** Writes a line to stderr. */
  complain(line: string): void
  /** Puts this text in the place of the last line of stderr; '' takes it away. Absent where stderr is no terminal. */
  readonly progress?: (text: string) => void
  readonly paint: Paint
}

export type Paint = Readonly<Record<'good' | 'bad' | 'heading', (text: string) => string>>

/** The process's own streams. A reader that goes away (`| head`) ends the process quietly. */
export function processTerminal(colours: boolean): Terminal {
  process.stdout.on('error', endQuietly)
  process.stderr.on('error', endQuietly)
  return {
    environment: process.env,
    print: async text => {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
    complain: line => {
      process.stderr.write(`${line}\n`)
    },
    ...(isForEyes(process.stderr) && {
      progress: text => {
        process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns || 80) - 1)}`)
      },
    }),
    paint: colours ? colourful : plain,
  }
}

/** Whether stdout is for a person's eyes: a terminal, and nobody said no (https://no-color.org). */
export function wantsColour(environment: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR, TERM } = environment
  return process.stdout.isTTY === true && (NO_COLOR ?? '') === '' && TERM !== 'dumb'
}

const isForEyes = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && process.env.TERM !== 'dumb'

function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
}

const plain: Paint = { good: text => text, bad: text => text, heading: text => text }

const colourful: Paint = {
  good: text => `\x1b[32m${text}\x1b[39m`,
  bad: text => `\x1b[31m${text}\x1b[39m`,
  heading: text => `\x1b[1m${text}\x1b[22m`,
}
