// What the health document says beside the figures of the metrics.

import type { AuthCache } from '../cache/auth-cache.js'
import type { StateStore } from '../state/state-store.js'
import type { HealthFigures } from '../telemetry/service-health.js'
import type { OpenPolicy } from './open-policy.js'
import { answersNow } from './readiness.js'
import { namedDatabases, serviceFigures, type WatchedParts } from './watch-figures.js'

export interface HealthParts {
  /** Milliseconds since 1970. */
  readonly startedMs: number
  readonly cache: AuthCache | undefined
  /** How old what other copies changed may be; undefined: nothing is shared. */
  readonly behindMs: (() => number | undefined) | undefined
  readonly state: StateStore
  readonly policy: OpenPolicy | undefined
  readonly config: HealthFigures['config']
}

/** Asks every database whether it answers, all at once and within a second; the rest is known. */
export async function healthFigures(
  watched: WatchedParts,
  { startedMs, cache, behindMs, state, policy, config }: HealthParts,
): Promise<HealthFigures> {
  const databases = namedDatabases(watched.engine, watched.config)
  const [known, answers] = await Promise.all([
    serviceFigures(watched),
    Promise.all(databases.map(({ opened }) => answersNow(opened))),
  ])
  return {
    ...known,
    answers,
    startedMs,
    ...(cache && { cache: { ...sizeOf(cache), behindMs: behindMs?.() } }),
    bus: { isShared: state.isShared, isUp: state.isUp() },
    ...(policy && { policy: policy.health() }),
    config,
  }
}

function sizeOf(cache: AuthCache): { readonly entries: number; readonly bytes: number } {
  const { positive, negative } = cache.stats()
  return { entries: positive.entries + negative.entries, bytes: positive.bytes + negative.bytes }
}
