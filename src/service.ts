// The composition root: a configuration in, a service that starts and stops out.

import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheControl } from './cache/cache-control.js'
import { statsLines } from './cache/cache-stats.js'
import { createReloadableCache } from './cache/reloadable-cache.js'
import type { SharedCache } from './cache/share-cache.js'
import type { LoadedConfig } from './config/load-config.js'
import type { HomingConfig, programSchema } from './config/program-schema.js'
import { DatabaseError } from './database/database-error.js'
import { openDovecotCaches } from './dovecot/dovecot-caches.js'
import { type Engine, openEngine } from './engine.js'
import type { AuthEvent } from './model/auth-event.js'
import { systemClock } from './model/clock.js'
import { createUsernameRules, loginNameOf } from './model/username.js'
import { createListDesk } from './policy/list-desk.js'
import { openStoredLists } from './policy/stored-lists.js'
import { checkedVerify } from './protocols/checked-verify.js'
import type { Services } from './protocols/services.js'
import { deskOf } from './service/account-desks.js'
import { auditRefusedMasters } from './service/audit-refused-masters.js'
import { closeParts } from './service/close-parts.js'
import { claimEmbedded, migrateEmbedded } from './service/embedded-database.js'
import { healthFigures } from './service/health-figures.js'
import { listenerNames, type OpenListeners, openListeners } from './service/open-listeners.js'
import { hashRules, openPolicy } from './service/open-policy.js'
import { openRecorders, type Recorders } from './service/open-recorders.js'
import { readinessOf } from './service/readiness.js'
import { createRecentTroubles } from './service/recent-troubles.js'
import { createReloader } from './service/reload.js'
import { startSharing } from './service/start-sharing.js'
import { cacheFigures, type WatchedParts, watchFigures } from './service/watch-figures.js'
import { openState } from './state/open-state.js'
import { createDoorMetrics } from './telemetry/door-metrics.js'
import { openLogger } from './telemetry/logger.js'
import { createMetrics } from './telemetry/metrics.js'
import { createAuthReport } from './telemetry/report-auth.js'
import { createStrengthenReport } from './telemetry/report-strengthening.js'
import { sparingly } from './telemetry/say-sparingly.js'
import { healthDocument } from './telemetry/service-health.js'

export interface Service {
  readonly engine: Engine
  /** Where it answers, port 0 replaced by the real one: `127.0.0.1:8080`, `unix:/run/homing/http.sock`. */
  readonly addresses: readonly string[]
  /** Forgets everything cached and logs how much that was, in the words of Dovecot's auth process at SIGHUP. */
  flushCache(): void
  /**
   * Takes up what a new configuration changes and a running service can change, renewed certificates included, and logs
   * what has to wait for a restart. One with mistakes is logged, and nothing changes.
   */
  reload(loaded: LoadedConfig<typeof programSchema.settings>): Promise<void>
  /** Logs how the cache is doing since the last time, in the words of Dovecot's auth process at SIGUSR2. */
  logCacheStatistics(): void
  /**
   * Says 503 on /readyz, waits `shutdown_delay`, stops listening, lets every request that has begun finish, and
   * closes everything. Never throws.
   */
  stop(): Promise<void>
}

/** A database that is down does not keep us from starting. */
const LISTS_PATIENCE_MS = 500

/** Longer than a copy without a bus takes to look. */
const COPIES_PATIENCE_MS = 5000

/**
 * Starts to answer on every address of the configuration. When it throws (an address in use, a setting that can
 * never work) nothing is left open.
 */
export async function startService(config: HomingConfig): Promise<Service> {
  // Held by everybody who is started here; reload() changes what is in it, and the caller's stays as it is.
  const running: HomingConfig = { ...config, settings: { ...config.settings } }
  const { settings } = running
  const logger = openLogger(settings)
  const { log } = logger
  const warn = (message: string) => log.warn(message)
  const metrics = createMetrics()
  const doorMetrics = createDoorMetrics(listenerNames)
  const cache = createReloadableCache(settings, systemClock)
  const dovecots = openDovecotCaches(settings)
  const state = await openState(settings, { warn })

  // The engine tells them what happens; they need its database, so they come after it.
  let recorders: Recorders | undefined
  let shared: SharedCache | undefined
  const troubles = createRecentTroubles()
  const report = createAuthReport(logger, metrics)
  const answered = (event: AuthEvent) => {
    report(event)
    troubles.notice(event)
    recorders?.logins.record(event)
  }
  const engine = await openEngine(running, {
    report: answered,
    warn,
    cache,
    masterUsed: use => recorders?.masters.record(use),
    changed: ({ users }) => shared?.changed(users),
    strengthened: createStrengthenReport(log),
  }).catch(async error => {
    await state.close()
    throw error
  })
  recorders = openRecorders(engine.database, settings, log)

  const reportBug = (where: string, error: unknown) => {
    // A listing that broke off, say: the operator has an outage and no defect to report.
    if (error instanceof DatabaseError) return log.error({ cause: error }, `${where}: the database failed`)
    metrics.countBug()
    log.error({ cause: error }, `bug: ${where}`)
  }
  const lists = openStoredLists(engine.database.policyLists, { clock: systemClock, warn })
  const openedPolicy = openPolicy(settings, {
    database: engine.database,
    lists,
    state,
    log,
    wasTrouble: troubles.take,
    reportBug,
  })
  const policy = openedPolicy?.server
  const usernameRules = createUsernameRules(settings)
  const startedMs = Date.now()
  let isStopping = false
  let hasOpened = () => {}
  const opened = new Promise<void>(resolve => {
    hasOpened = resolve
  })
  const services: Services = {
    auth: engine.auth,
    ...(policy && { policy }),
    ...(policy &&
      settings.policy_check && {
        verify: checkedVerify(
          engine.auth,
          policy,
          hashRules(settings),
          answered,
          auditRefusedMasters(settings, recorders.masters),
        ),
      }),
    deskOf: (kind, by) => deskOf(engine, running, kind, by),
    lists: createListDesk({
      table: engine.database.policyLists,
      stored: lists,
      rules: usernameRules,
      clock: systemClock,
    }),
    attempts: {
      loginEvents: engine.database.loginEvents,
      masterUses: engine.database.masterUses,
      nameOf: written => loginNameOf(usernameRules, written),
      kept: settings,
    },
    caches: createCacheControl({
      copies: engine.database.copies,
      state,
      dovecots,
      rules: usernameRules,
      patienceMs: COPIES_PATIENCE_MS,
    }),
    readiness: async () => {
      // Asked at the first listener, nobody is told that the others are there before they are.
      await opened
      return isStopping ? 'stopping' : readinessOf(engine)
    },
    health: async () =>
      healthDocument(
        await healthFigures(watched, {
          startedMs,
          cache,
          behindMs: shared?.behindMs,
          state,
          policy: openedPolicy,
          config: reloader.lastRead(),
        }),
        Date.now(),
      ),
    metrics: () => metrics.text(),
    reportBug,
    watch: {
      ...doorMetrics,
      turnedAway: sparingly(systemClock, (door, status, peer = 'unix socket') =>
        log.warn({ door, status, peer }, 'a caller was turned away'),
      ),
    },
  }

  let listeners: OpenListeners | undefined
  const reloader = createReloader({
    running,
    cache,
    log,
    renewCertificates: async next => listeners?.renewCertificates(next),
  })
  if (cache) metrics.watchCache(() => cacheFigures(cache))
  metrics.watch(() => doorMetrics.format())
  const watched: WatchedParts = {
    engine,
    config: running,
    logger,
    recorders,
    readiness: services.readiness,
    listeners: () => listeners,
    isConfigGood: reloader.isConfigGood,
  }
  watchFigures(metrics, watched)
  if (policy) metrics.watchPolicy(policy.counts)

  const closeAll = (timeoutMs: number) =>
    closeParts({ listeners, recorders, others: [shared, openedPolicy, state], engine, logger }, timeoutMs)
  try {
    await claimEmbedded(engine)
    await Promise.all([migrateEmbedded(engine, log), engine.verifier.warmUp()])
    log.info({ implementations: engine.verifier.describe() }, 'password schemes')
    await Promise.race([openedPolicy?.follow(), sleep(LISTS_PATIENCE_MS)])
    if (cache) {
      shared = startSharing(cache, engine, state, { settings, warn })
      metrics.watchChanges(shared.behindMs)
      await shared.ready
    }
    listeners = await openListeners({ services, settings, watch: doorMetrics, log })
    hasOpened()
  } catch (error) {
    isStopping = true
    hasOpened()
    await closeAll(settings.shutdown_timeout)
    throw error
  }
  const { addresses } = listeners
  log.info({ addresses }, 'ready')
  return {
    engine,
    addresses,
    flushCache: () => {
      const entries = cache?.flush() ?? 0
      log.info({ entries }, `SIGHUP received, ${entries} cache entries flushed`)
    },
    reload: reloader.reload,
    logCacheStatistics: () => {
      if (cache === undefined) return log.info('SIGUSR2 received, there is no auth cache (auth_cache_size)')
      for (const line of statsLines(cache.statsSinceReset())) log.info(line)
      cache.resetStats()
    },
    stop: async () => {
      if (isStopping) return
      isStopping = true
      log.info('stopping')
      await sleep(settings.shutdown_delay)
      await closeAll(settings.shutdown_timeout)
    },
  }
}
