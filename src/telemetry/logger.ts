// Where log lines go: on stdout, JSON by pino or in Dovecot's shape, written off the request's path.

import { type Logger, pino } from 'pino'
import type { Static } from 'typebox'
import { choice, settings, yesNo } from '../model/setting.js'
import { formatJsonLine, formatTimestamp } from './dovecot-log.js'
import { createLineWriter } from './line-writer.js'

export const logSettings = settings({
  log_level: choice(
    'the least important line that is written',
    ['debug', 'info', 'warn', 'error', 'silent'],
    'info',
    { reloads: true },
  ),
  log_format: choice(
    'json: one object a line; dovecot: lines as Dovecot writes them, which the stock fail2ban filter understands',
    ['json', 'dovecot'],
    'json',
  ),
  log_timestamp: yesNo(
    'whether lines of log_format = "dovecot" begin with the time; journald and syslog put their own before them',
    true,
  ),
})

export type { Logger }

export interface OpenLogger {
  readonly log: Logger
  /** Writes a line that is formatted already; absent where lines are JSON. */
  readonly writeLine?: (line: string) => void
  /** Lines that could not be written, since the start. */
  droppedLines(): number
  /** Writes out what is buffered, within a second; call before the process ends. */
  flush(): Promise<void>
}

/**
 * Opens the log. Lines are buffered for at most a second. Whatever is logged under a key that could hold a
 * secret is replaced: nothing of ours logs one, and a mistake must not either.
 */
export function openLogger(options: Static<typeof logSettings>, fd = 1): OpenLogger {
  const lines = createLineWriter(fd)
  const isJson = options.log_format === 'json'
  const writeLine = (line: string) =>
    lines.write(`${options.log_timestamp ? formatTimestamp(new Date()) : ''}${line}\n`)
  const log = pino(
    {
      level: options.log_level,
      base: null,
      timestamp: isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { cause: describeCause, err: describeCause },
      redact: { paths: ['password', 'stored', 'credentials', 'authorization', 'pass'], censor: '<hidden>' },
    },
    isJson ? lines : { write: (line: string) => writeLine(formatJsonLine(line)) },
  )
  return {
    log,
    ...(!isJson && { writeLine }),
    droppedLines: lines.dropped,
    flush: () => lines.flush(),
  }
}

let timeMs = 0
let timeText = ''

/** As pino.stdTimeFunctions.isoTime; what it takes to write a date is spent once a millisecond, not once a line. */
function isoTime(): string {
  const now = Date.now()
  if (now !== timeMs) {
    timeMs = now
    timeText = `,"time":"${new Date(now).toISOString()}"`
  }
  return timeText
}

/** Name, code and message of an error and of its causes; no properties, since a driver may hang a query on them. */
function describeCause(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const { name, message } = error
  const code = 'code' in error ? error.code : undefined
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(error.cause === undefined ? {} : { cause: describeCause(error.cause) }),
  }
}
