// Where log lines go: on stdout, JSON by pino or in Dovecot's shape, written off the request's path.

import { type Logger, pino } from 'pino'
import type { Static } from 'typebox'
import type { AuthEvent } from '../model/auth-event.js'
import { choice, settings, yesNo } from '../model/setting.js'
import { describeCause } from './describe-cause.js'
import { formatAuthEvent, formatJsonLine, formatTimestamp } from './dovecot-log.js'
import { type EventLevel, formatJsonEvent } from './json-event.js'
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
  /** Writes the line of an answered question, whatever `log_level` is. */
  writeEvent(level: EventLevel, event: AuthEvent): void
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
  const withTime = (now: number, line: string) =>
    `${options.log_timestamp ? formatTimestamp(new Date(now)) : ''}${line}\n`
  const log = pino(
    {
      level: options.log_level,
      base: null,
      timestamp: () => `,"time":"${isoTime(Date.now())}"`,
      formatters: { level: label => ({ level: label }) },
      serializers: { cause: describeCause, err: describeCause },
      redact: { paths: ['password', 'stored', 'credentials', 'authorization', 'pass'], censor: '<hidden>' },
    },
    isJson ? lines : { write: (line: string) => lines.write(withTime(Date.now(), formatJsonLine(line))) },
  )
  return {
    log,
    writeEvent: (level, event) => {
      const now = Date.now()
      lines.writeMade(
        isJson
          ? () => formatJsonEvent(level, isoTime(now), event)
          : () => withTime(now, formatAuthEvent(level, event)),
      )
    },
    droppedLines: lines.dropped,
    flush: () => lines.flush(),
  }
}

let timeMs = 0
let timeText = ''

/** What it takes to write a date is spent once a millisecond, not once a line. */
function isoTime(now: number): string {
  if (now !== timeMs) {
    timeMs = now
    timeText = new Date(now).toISOString()
  }
  return timeText
}
