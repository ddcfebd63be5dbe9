// The end of a service, in the order in which nobody loses what another still has to say.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../engine.js'
import type { OpenLogger } from '../telemetry/logger.js'
import type { OpenListeners } from './open-listeners.js'
import type { Recorders } from './open-recorders.js'

export interface Parts {
  readonly listeners: OpenListeners | undefined
  readonly recorders: Recorders
  /** Policy, shared cache, shared state: what the answers needed until now. */
  readonly others: readonly ({ close(): Promise<void> } | undefined)[]
  readonly engine: Engine
  readonly logger: OpenLogger
}

/** What a database that hangs may take of the time to stop. */
const LAST_EVENTS_MS = 2000

/** Everything is closed afterwards; what has not ended after `timeoutMs` is cut off. Never throws. */
export async function closeParts(
  { listeners, recorders, others, engine, logger }: Parts,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  await listeners?.close(timeoutMs)
  const lastMs = Math.min(LAST_EVENTS_MS, timeoutMs)
  await Promise.allSettled([recorders.masters.stop(lastMs), recorders.logins.stop(lastMs)])
  // The policy writes what it has not written yet, and a database that hangs gives each of its statements up late.
  await Promise.race([
    Promise.allSettled(others.map(other => other?.close())),
    sleep(lastMs, undefined, { ref: false }),
  ])
  await Promise.allSettled([engine.close(Math.max(0, deadline - performance.now()))])
  await logger.flush()
}
