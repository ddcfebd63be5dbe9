// One answered question → one log line and the counters.

import type { AuthEvent } from '../model/auth-event.js'
import type { EventLevel } from './json-event.js'
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
  { log, writeEvent }: Pick<OpenLogger, 'log' | 'writeEvent'>,
  metrics: Metrics,
): (event: AuthEvent) => void {
  const mayWrite = limited(OVERLOADED_LINES, left =>
    log.error({ logins: left }, 'overloaded: internal_failure for so many more logins in this second'),
  )
  return event => {
    metrics.countAuth(event)
    if (event.overloaded && !mayWrite()) return
    const level = levelOf(event)
    if (log.isLevelEnabled(level)) writeEvent(level, event)
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

function levelOf({ result, trace }: AuthEvent): EventLevel {
  if (result === 'internal_failure' || result === 'scheme_not_available') return 'error'
  return trace.some(step => step.cache === 'stale') ? 'warn' : 'info'
}
