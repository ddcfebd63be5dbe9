// One answered question → one log line and the counters.

import type { AuthEvent, TraceStep } from '../model/auth-event.js'
import { formatAuthEvent } from './dovecot-log.js'
import type { OpenLogger } from './logger.js'
import type { Metrics } from './metrics.js'

/** So many lines a second about logins that were too many. */
const OVERLOADED_LINES = 20

/**
 * Writes one line per verdict, in Dovecot's words: trouble on our side and a stored password that nobody can compare as an
 * error, an answer from an expired entry as a warning, everything else as info. Of logins that were too many a few each second have a line and the others a number:
 * the cores are needed elsewhere just then.
 */
export function createAuthReport(
  { log, writeLine }: Pick<OpenLogger, 'log' | 'writeLine'>,
  metrics: Metrics,
): (event: AuthEvent) => void {
  const mayWrite = limited(OVERLOADED_LINES, left =>
    log.error({ logins: left }, 'overloaded: internal_failure for so many more logins in this second'),
  )
  return event => {
    metrics.countAuth(event)
    if (event.overloaded && !mayWrite()) return
    const level = levelOf(event)
    if (!log.isLevelEnabled(level)) return
    if (writeLine) return writeLine(formatAuthEvent(level, event))
    log[level](lineOf(event), `${event.question}: ${event.result}`)
  }
}

/** Says yes so often in a second, and at its end how often it said no. */
function limited(perSecond: number, tell: (refused: number) => void): () => boolean {
  let asked = 0
  const endSecond = () => {
    if (asked > perSecond) tell(asked - perSecond)
    asked = 0
  }
  return () => {
    if (asked === 0) setTimeout(endSecond, 1000).unref()
    asked++
    return asked <= perSecond
  }
}

function levelOf({ result, trace }: AuthEvent): 'error' | 'warn' | 'info' {
  if (result === 'internal_failure' || result === 'scheme_not_available') return 'error'
  return trace.some(step => step.cache === 'stale') ? 'warn' : 'info'
}

function lineOf(event: AuthEvent): Record<string, unknown> {
  const line: Record<string, unknown> = { result: event.result, user: event.user }
  if (event.originalUser !== event.user) line.original_user = event.originalUser
  if (event.masterUser !== undefined) line.master_user = event.masterUser
  if (event.protocol !== '') line.protocol = event.protocol
  if (event.mechanism !== undefined) line.mechanism = event.mechanism
  if (event.remoteIp !== undefined) line.remote_ip = event.remoteIp
  if (event.sessionId !== undefined) line.session = event.sessionId
  if (event.reason !== undefined) line.reason = event.reason
  if (event.cause !== undefined) line.cause = event.cause
  line.passdbs = event.trace.map(passdbOf).join(' ')
  const stale = event.trace.find(step => step.cache === 'stale')
  if (stale?.reason !== undefined) line.stale = stale.reason
  line.ms = Math.round(event.ms * 100) / 100
  return line
}

/** `local:ok`, and with the cache's part in it: `local:ok/hit`. */
function passdbOf({ passdb, result, cache }: TraceStep): string {
  return cache === 'none' ? `${passdb}:${result}` : `${passdb}:${result}/${cache}`
}
