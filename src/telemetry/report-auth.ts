// One answered question → one log line and the counters.

import type { AuthEvent } from '../model/auth-event.js'
import type { Logger } from './logger.js'
import type { Metrics } from './metrics.js'

/** Writes one line per verdict, in Dovecot's words: trouble on our side as an error, everything else as info. */
export function createAuthReport(log: Logger, metrics: Metrics): (event: AuthEvent) => void {
  return event => {
    metrics.countAuth(event)
    const level = event.result === 'internal_failure' ? 'error' : 'info'
    if (!log.isLevelEnabled(level)) return
    log[level](lineOf(event), `${event.question}: ${event.result}`)
  }
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
  line.passdbs = event.trace.map(step => `${step.passdb}:${step.result}`).join(' ')
  line.ms = Math.round(event.ms * 100) / 100
  return line
}
