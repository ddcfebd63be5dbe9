// The figures of a service's parts among its metrics, each read when somebody asks.

import type { AuthCache } from '../cache/auth-cache.js'
import type { HomingConfig } from '../config/program-schema.js'
import type { Database } from '../database/open-database.js'
import type { Engine } from '../engine.js'
import type { OpenLogger } from '../telemetry/logger.js'
import type { CacheFigures, Metrics } from '../telemetry/metrics.js'
import { formatServiceMetrics, type ServiceFigures } from '../telemetry/service-metrics.js'
import type { OpenListeners } from './open-listeners.js'
import type { Recorders } from './open-recorders.js'

export interface WatchedParts {
  readonly engine: Engine
  readonly config: HomingConfig
  readonly logger: OpenLogger
  readonly recorders: Recorders
  readonly readiness: () => Promise<ServiceFigures['readiness']>
  /** undefined: they are not open yet. */
  readonly listeners: () => OpenListeners | undefined
  readonly isConfigGood: () => boolean
}

/** From now on they are among the metrics. */
export function watchFigures(metrics: Metrics, parts: WatchedParts): void {
  metrics.watch(async () => formatServiceMetrics(await serviceFigures(parts)))
}

/** As they are now. */
export async function serviceFigures(parts: WatchedParts): Promise<ServiceFigures> {
  const { engine, config, logger, recorders, readiness, listeners, isConfigGood } = parts
  return {
    readiness: await readiness(),
    hash: engine.verifier.stats(),
    databases: namedDatabases(engine, config).map(({ name, opened }) => ({
      name,
      figures: opened.figures(),
    })),
    certificates: (listeners()?.certificates() ?? []).map(({ door, certificate }) => ({
      door,
      ...certificate,
    })),
    droppedLogLines: logger.droppedLines(),
    loginEvents: recorders.logins.counts(),
    masterAudit: recorders.masters.counts(),
    isConfigGood: isConfigGood(),
  }
}

/** What the metrics show of the auth cache. */
export function cacheFigures(cache: AuthCache): CacheFigures {
  const { hits, negativeHits, misses, expired, ...figures } = cache.stats()
  return { ...figures, lookups: { hit: hits, negative_hit: negativeHits, miss: misses, expired } }
}

/** By the passdb or userdb that keeps a database of its own, each name once; `main` is that of the service. */
export function namedDatabases(
  { databases, database }: Engine,
  { passdbs, userdbs }: HomingConfig,
): readonly { readonly name: string; readonly opened: Database }[] {
  const named = new Map([['main', database]])
  const known = new Set([database])
  for (const [chain, links] of [['passdb', passdbs] as const, ['userdb', userdbs] as const]) {
    for (const { name, options } of links) {
      const { database_url: url } = options as { database_url?: string }
      const own = url ? databases.open(url) : database
      if (known.has(own)) continue
      known.add(own)
      // Two series of one name are one that nobody can read.
      named.set(named.has(name) ? `${chain} ${name}` : name, own)
    }
  }
  return [...named].map(([name, opened]) => ({ name, opened }))
}
