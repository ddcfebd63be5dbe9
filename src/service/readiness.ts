import type { Database } from '../database/open-database.js'
import type { Engine } from '../engine.js'
import type { Readiness } from '../protocols/services.js'

const PING_DEADLINE_MS = 900

/** Whether the database of the service answers; within a second, whatever it does. */
export async function readinessOf({ database }: Engine): Promise<Readiness> {
  return (await answersNow(database)) ? 'ready' : 'degraded'
}

/** Within a second, whatever it does. */
export function answersNow(database: Database): Promise<boolean> {
  return database.ping(AbortSignal.timeout(PING_DEADLINE_MS)).catch(() => false)
}
