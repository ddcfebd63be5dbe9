import type { Database } from '../database/open-database.js'
import type { Engine } from '../engine.js'
import type { Readiness } from '../protocols/services.js'

const PING_DEADLINE_MS = 900

/** Whether every database answers, also those of single passdbs and userdbs; within a second, whatever they do. */
export async function readinessOf({ databases }: Engine): Promise<Readiness> {
  const answers = await Promise.all(databases.opened().map(answersNow))
  return answers.every(Boolean) ? 'ready' : 'degraded'
}

/** Within a second, whatever it does. */
export function answersNow(database: Database): Promise<boolean> {
  return database.ping(AbortSignal.timeout(PING_DEADLINE_MS)).catch(() => false)
}
