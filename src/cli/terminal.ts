// Where a command reads and writes; colours only where a person sees them.

import { once } from 'node:events'
import { visibleLines } from './visible-text.js'

export interface Terminal {
  readonly environment: NodeJS.ProcessEnv
  /** Writes to stdout; waits while the reader is slow. One that has gone is none of the command's business. */
  print(text: string): Promise<void>
  /** As print, for a line of a listing: rejects with ReaderGone when nobody is left who wants the next one. */
  printNext(line: string): Promise<void>
  /** Resolves when all is written that was printed, or nobody reads it. As the above, rejects with an OutputError. */
  flushed(): Promise<void>
  /** Writes a line to stderr; what a terminal would obey in it is made visible. */
  complain(line: string): void
  /** Puts this text in the place of the last line of stderr; '' takes it away. Absent where stderr is no terminal. */
  readonly progress?: (text: string) => void
  readonly paint: Paint
}

export type Paint = Readonly<Record<'good' | 'bad' | 'heading', (text: string) => string>>

/** A reader that went away (`| head`): a listing ends quietly. */
export class ReaderGone extends Error {}

/** What was printed cannot be written, on a full disk say. */
export class OutputError extends Error {}

/** The process's own streams. */
export function processTerminal(colours: boolean): Terminal {
  const { stdout, stderr } = process
  let trouble: NodeJS.ErrnoException | undefined
  stdout.on('error', error => {
    trouble ??= error
  })
  // Nobody is left who could be told.
  stderr.on('error', () => {})
  const refuseTrouble = () => {
    if (trouble?.code === 'EPIPE') throw new ReaderGone()
    if (trouble) throw new OutputError(`the output cannot be written: ${trouble.code}`)
  }
  const printNext = async (text: string) => {
    refuseTrouble()
    if (stdout.write(text)) return
    await once(stdout, 'drain').catch(() => {})
    refuseTrouble()
  }
  return {
    environment: process.env,
    print: text => printNext(text).catch(unlessGone),
    printNext,
    flushed: async () => {
      await new Promise<void>(resolve => stdout.write('', () => resolve()))
      if (trouble?.code !== 'EPIPE') refuseTrouble()
    },
    complain: line => {
      stderr.write(`${visibleLines(line)}\n`)
    },
    ...(isForEyes(stderr) && {
      progress: text => {
        stderr.write(`\r\x1b[K${text.slice(0, (stderr.columns || 80) - 1)}`)
      },
    }),
    paint: colours ? colourful : plain,
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof ReaderGone)) throw error
}

/** Whether stdout is for a person's eyes: a terminal, and nobody said no (https://no-color.org). */
export function wantsColour(environment: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR, TERM } = environment
  return process.stdout.isTTY === true && (NO_COLOR ?? '') === '' && TERM !== 'dumb'
}

const isForEyes = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && process.env.TERM !== 'dumb'

const plain: Paint = { good: text => text, bad: text => text, heading: text => text }

const colourful: Paint = {
  good: text => `\x1b[32m${text}\x1b[39m`,
  bad: text => `\x1b[31m${text}\x1b[39m`,
  heading: text => `\x1b[1m${text}\x1b[22m`,
}
