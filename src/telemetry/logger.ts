// Where log lines go: JSON by pino, on stdout, written off the request's path.

import { type Logger, pino } from 'pino'
import type { Static } from 'typebox'
import { choice, settings } from '../model/setting.js'

export const logSettings = settings({
  log_level: choice(
    'the least important line that is written',
    ['debug', 'info', 'warn', 'error', 'silent'],
    'info',
    { reloads: true },
  ),
})

export type { Logger }

export interface OpenLogger {
  readonly log: Logger
  /** Writes out what is buffered; call before the process ends. */
  flush(): void
}

/** Lines are gathered up to this many bytes, or a second, before one write. */
const BUFFER_BYTES = 4096
const FLUSH_INTERVAL_MS = 1000

/**
 * Opens the log. Lines are buffered for at most a second. Whatever is logged under a key that could hold a
 * secret is replaced: nothing of ours logs one, and a mistake must not either.
 */
export function openLogger(
  options: Static<typeof logSettings>,
  destination: number | string = 1,
): OpenLogger {
  const stream = pino.destination({ dest: destination, minLength: BUFFER_BYTES, sync: false })
  const log = pino(
    {
      level: options.log_level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { cause: describeCause, err: describeCause },
      redact: { paths: ['password', 'stored', 'credentials', 'authorization', 'pass'], censor: '<hidden>' },
    },
    stream,
  )
  const timer = setInterval(() => stream.flush(), FLUSH_INTERVAL_MS)
  timer.unref()
  return {
    log,
    flush: () => {
      try {
        stream.flushSync()
      } catch {
        // The stream was not open yet, or is closed already: there is nothing to write.
      }
    },
  }
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
