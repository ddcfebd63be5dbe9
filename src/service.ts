// The composition root: a configuration in, a service that starts and stops out.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AccountDesk, createAccountDesk } from './accounts/account-desk.js'
import type { AccountKind } from './accounts/account-kinds.js'
import type { AuthCache } from './cache/auth-cache.js'
import { createCacheControl } from './cache/cache-control.js'
import { statsLines } from './cache/cache-stats.js'
import { createReloadableCache } from './cache/reloadable-cache.js'
import { type SharedCache, shareCache } from './cache/share-cache.js'
import { formatProblem } from './config/config-problem.js'
import { databaseUrlOf } from './config/database-urls.js'
import { formatListenAddress, type ListenAddress, parseListenAddress } from './config/listen-address.js'
import type { LoadedConfig } from './config/load-config.js'
import { type HomingConfig, programSchema } from './config/program-schema.js'
import { settingChanges, takeUp } from './config/reload-settings.js'
import { openDovecotCaches } from './dovecot/dovecot-caches.js'
import { type Engine, openEngine } from './engine.js'
import type { AuthEvent } from './model/auth-event.js'
import { systemClock } from './model/clock.js'
import { ConfigError } from './model/config-error.js'
import { createUsernameRules } from './model/username.js'
import { loginOf } from './policy/attempt.js'
import type { PolicyHashRules } from './policy/password-hash.js'
import { createPolicy } from './policy/policy.js'
import { createPolicyServer, type PolicyServer } from './policy/policy-server.js'
import { RecentNames } from './policy/recent-names.js'
import { openStoredLists } from './policy/stored-lists.js'
import { openStoredPairs } from './policy/stored-pairs.js'
import { checkedVerify } from './protocols/checked-verify.js'
import { type DictListener, openDictListeners } from './protocols/dict/dict-server.js'
import { doors } from './protocols/http/doors.js'
import {
  type CertificateReport,
  formatTlsFault,
  type OpenDoors,
  openDoors,
} from './protocols/http/open-doors.js'
import type { Readiness, Services } from './protocols/services.js'
import { watchAuth } from './protocols/watch-auth.js'
import { openState } from './state/open-state.js'
import { createDoorMetrics } from './telemetry/door-metrics.js'
import { type Logger, type OpenLogger, openLogger } from './telemetry/logger.js'
import { createLoginRecorder, type LoginRecorder } from './telemetry/login-recorder.js'
import { createMasterAudit, type MasterAudit } from './telemetry/master-audit.js'
import { type CacheFigures, createMetrics } from './telemetry/metrics.js'
import { createAuthReport } from './telemetry/report-auth.js'
import { createStrengthenReport } from './telemetry/report-strengthening.js'
import { sparingly } from './telemetry/say-sparingly.js'
import { formatServiceMetrics, type ServiceFigures } from './telemetry/service-metrics.js'

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

/** The dict door's name in metrics. */
const DICT = 'dict'

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
  const metrics = createMetrics()
  const cache = createReloadableCache(settings, systemClock)
  if (cache) metrics.watchCache(() => cacheFigures(cache))
  const report = createAuthReport(logger, metrics)
  const warn = (message: string) => log.warn(message)
  const dovecots = openDovecotCaches(settings)
  const state = await openState(settings, { warn })
  let shared: SharedCache | undefined
  const trouble = new RecentNames()
  let recorder: LoginRecorder | undefined
  let audit: MasterAudit | undefined
  const answered = (event: AuthEvent) => {
    report(event)
    if (event.question === 'verify' && event.result === 'internal_failure') {
      trouble.add(troubleOf(event.sessionId, event.user))
    }
    recorder?.record(event)
  }
  const engine = await openEngine(running, {
    report: answered,
    warn,
    cache,
    masterUsed: use => audit?.record(use),
    changed: ({ users }) => shared?.changed(users),
    strengthened: createStrengthenReport(log),
  }).catch(async error => {
    await state.close()
    throw error
  })
  recorder = createLoginRecorder({
    store: engine.database.loginEvents,
    settings,
    clock: systemClock,
    warn: (message, cause) => log.warn({ cause }, message),
  })
  const masterAudit = createMasterAudit({
    store: engine.database.masterUses,
    settings,
    clock: systemClock,
    log: (level, details, message) => log[level](details, message),
  })
  audit = masterAudit
  const doorMetrics = createDoorMetrics([...doors.map(({ name }) => name), DICT])
  let isConfigGood = true
  metrics.watch(() => doorMetrics.format())
  metrics.watch(async () =>
    formatServiceMetrics({
      readiness: await services.readiness(),
      hash: engine.verifier.stats(),
      databases: databaseFigures(engine, running),
      certificates: (open?.certificates() ?? []).map(({ door, certificate }) => ({ door, ...certificate })),
      droppedLogLines: logger.droppedLines(),
      loginEvents: recorder?.counts() ?? { written: 0, dropped: 0, waiting: 0 },
      masterAudit: masterAudit.counts(),
      isConfigGood,
    }),
  )
  const opened = openPolicy()
  const policy = opened?.server
  let stopping = false
  const services: Services = {
    auth: engine.auth,
    ...(policy && { policy }),
    ...(policy &&
      settings.policy_check && { verify: checkedVerify(engine.auth, policy, hashRules(settings), answered) }),
    deskOf: (kind, by) => deskOf(engine, running, kind, by),
    caches: createCacheControl({
      copies: engine.database.copies,
      state,
      dovecots,
      normalise: createUsernameRules(settings).normaliseStored,
      patienceMs: COPIES_PATIENCE_MS,
    }),
    readiness: () => readinessOf(engine, stopping),
    metrics: () => metrics.text(),
    reportBug: (where, error) => {
      metrics.countBug()
      log.error({ cause: error }, `bug: ${where}`)
    },
    watch: {
      ...doorMetrics,
      turnedAway: sparingly(systemClock, (door, status, peer = 'unix socket') =>
        log.warn({ door, status, peer }, 'a caller was turned away'),
      ),
    },
  }

  let open: OpenDoors | undefined
  let dicts: readonly DictListener[] = []
  const closeAll = () =>
    closeEverything(
      {
        listeners: [...(open ? [open] : []), ...dicts],
        recorders: [masterAudit, recorder],
        others: [shared, opened, state],
      },
      engine,
      logger,
      settings.shutdown_timeout,
    )
  try {
    await claimEmbedded(engine)
    await Promise.all([migrateEmbedded(engine, log), engine.verifier.warmUp()])
    log.info({ implementations: engine.verifier.describe() }, 'password schemes')
    await Promise.race([opened?.follow(), sleep(LISTS_PATIENCE_MS)])
    if (cache) shared = startSharing(cache)
    if (shared) {
      metrics.watchChanges(shared.behindMs)
      await shared.ready
    }
    dicts = await openDictListeners({
      services: { ...services, auth: watchAuth(engine.auth, DICT, doorMetrics) },
      sockets: settings.dict_listen.map(text => socketPathOf(text, 'dict_listen')),
      policy: settings,
      mode: settings.unix_listener_mode,
      warn,
    })
    open = await openDoors({
      services,
      settings,
      addressesOf: ({ listenSetting: key }) => settings[key].map(text => addressOf(text, key)),
      report: certificateReport(log),
    })
    const addresses = [
      ...open.addresses.map(formatListenAddress),
      ...dicts.map(({ path }) => formatListenAddress({ kind: 'unix', path })),
    ]
    log.info({ addresses }, 'ready')
    return {
      engine,
      addresses,
      flushCache: () => {
        const entries = cache?.flush() ?? 0
        log.info({ entries }, `SIGHUP received, ${entries} cache entries flushed`)
      },
      reload,
      logCacheStatistics: () => {
        if (cache === undefined) return log.info('SIGUSR2 received, there is no auth cache (auth_cache_size)')
        for (const line of statsLines(cache.statsSinceReset())) log.info(line)
        cache.resetStats()
      },
      stop,
    }
  } catch (error) {
    await closeAll()
    throw error
  }

  function openPolicy(): OpenPolicy | undefined {
    if (settings.policy_listen.length === 0 && !settings.policy_check) return undefined
    const stored = openStoredLists(engine.database.policyLists, { clock: systemClock, warn })
    const pairs = openStoredPairs(engine.database.knownPairs, {
      clock: systemClock,
      knownForMs: settings.policy_known_for,
      learn: (pair, agoMs) => policy.learn(pair, agoMs),
      warn,
    })
    const policy = createPolicy(settings, {
      clock: systemClock,
      succeeded: pairs.succeeded,
      lists: stored.lists,
      state,
      wasTrouble: ({ session, login }) => trouble.take(troubleOf(session, login)),
    })
    const rules = createUsernameRules(settings)
    const server = createPolicyServer(policy, stored, {
      nameOf: login => {
        const name = rules.normalise(login)
        return 'user' in name ? name.user : login
      },
      refused: ({ login, remote }, rule) =>
        log.warn(
          { user: login, remote_ip: remote, rule },
          'logins are refused by the policy (told once a minute)',
        ),
      reportBug: (where, error) => services.reportBug(where, error),
    })
    metrics.watchPolicy(server.counts)
    return {
      server,
      follow: () => Promise.all([stored.follow(), pairs.follow()]),
      close: async () => {
        stored.close()
        await pairs.close()
      },
    }
  }

  function startSharing(cache: AuthCache): SharedCache {
    const { databases, database } = engine
    const others = databases.opened().filter(other => other !== database)
    return shareCache({
      cache,
      logs: [database.changes, ...others.map(({ changes }) => changes)],
      copies: database.copies,
      state,
      clock: systemClock,
      pollIntervalMs: settings.auth_cache_poll_interval,
      warn,
    })
  }

  async function reload(loaded: LoadedConfig<typeof programSchema.settings>): Promise<void> {
    for (const warning of loaded.warnings) log.warn(formatProblem(warning))
    isConfigGood = 'config' in loaded
    if ('problems' in loaded) {
      log.error(
        { problems: loaded.problems.map(formatProblem) },
        'not reloaded: the configuration has mistakes',
      )
      return
    }
    const { reloaded, needRestart } = settingChanges(programSchema.settings, running, loaded.config)
    const cacheKeys = reloaded.filter(key => key.startsWith('auth_cache_'))
    // Whether there is a cache at all is decided at the start.
    const waiting = cacheKeys.length > 0 && !cache?.reload(loaded.config.settings) ? cacheKeys : []
    const taken = reloaded.filter(key => !waiting.includes(key))
    takeUp(running, loaded.config, taken)
    log.level = settings.log_level
    await open?.renewCertificates(settings)
    log.info({ settings: taken }, 'configuration reloaded')
    const later = [...needRestart, ...waiting]
    if (later.length > 0) log.warn({ settings: later }, 'changed, and in use only after a restart')
  }

  async function stop(): Promise<void> {
    if (stopping) return
    stopping = true
    log.info('stopping')
    await new Promise(resolve => setTimeout(resolve, settings.shutdown_delay))
    await closeAll()
  }
}

interface OpenPolicy {
  readonly server: PolicyServer
  /** Takes up what the database knows of lists and users, now and from now on. */
  follow(): Promise<unknown>
  close(): Promise<void>
}

/** A database that is down does not keep us from starting. */
const LISTS_PATIENCE_MS = 500

/** One login of one connection; nothing where the caller gives no session. */
const troubleOf = (session: string | undefined, user: string): string =>
  session === undefined ? '' : `${session} ${loginOf(user)}`
/** The accounts where the chain's own passdb has them. */
function deskOf(engine: Engine, config: HomingConfig, kind: AccountKind, by: string): AccountDesk {
  const rules = createUsernameRules(config.settings)
  const database = engine.databases.open(databaseUrlOf(config, kind.table))
  return createAccountDesk(kind, rules, database.accounts(kind.table, rules.normaliseStored, by))
}

/** Without a nonce passwords are counted under one of this process. */
function hashRules(settings: HomingConfig['settings']): PolicyHashRules {
  return {
    nonce: settings.auth_policy_hash_nonce || randomBytes(16).toString('hex'),
    mech: settings.auth_policy_hash_mech,
    truncateBits: settings.auth_policy_hash_truncate,
  }
}

/** Two services on one SQLite file would each cache, count and rehash what the other does not know of. */
async function claimEmbedded({ databases }: Engine): Promise<void> {
  for (const database of databases.opened()) {
    if (await database.claim()) continue
    throw new Error(
      `another homing serve is running on ${database.name}; several copies share a MariaDB or MySQL (database_url)`,
    )
  }
}

/**
 * The embedded database has no operator who would migrate it. A server's database is migrated by
 * `homing migrate`, and one that is down does not keep us from starting.
 */
async function migrateEmbedded({ database }: Engine, log: Logger): Promise<void> {
  if (!database.isEmbedded) return
  const outcome = await database.migrate()
  if (outcome.result === 'done') {
    for (const { what } of outcome.steps) log.info({ database: database.name }, `migrate: ${what}`)
    return
  }
  if (outcome.result === 'failed') {
    throw new Error(`${database.name} cannot be made ready: ${outcome.cause.message}`, {
      cause: outcome.cause,
    })
  }
  throw new Error(
    outcome.result === 'newer'
      ? `${database.name} was made by a newer Homing; start that version, or name another file in database_url`
      : `${database.name} is being migrated by another process; try again when that has ended`,
  )
}

function cacheFigures(cache: AuthCache): CacheFigures {
  const { hits, negativeHits, misses, expired, ...figures } = cache.stats()
  return { ...figures, lookups: { hit: hits, negative_hit: negativeHits, miss: misses, expired } }
}

/** By the passdb that keeps a database of its own; `main` is that of the service. */
function databaseFigures(
  { databases, database }: Engine,
  { passdbs }: HomingConfig,
): ServiceFigures['databases'] {
  const names = new Map([[database, 'main']])
  for (const { name, options } of passdbs) {
    const { database_url: url } = options as { database_url?: string }
    const own = url ? databases.open(url) : database
    if (!names.has(own)) names.set(own, name)
  }
  return [...names].map(([opened, name]) => ({ name, figures: opened.figures() }))
}

function certificateReport(log: Logger): CertificateReport {
  return {
    renewed: (door, { file, validToMs }) =>
      log.info({ door, file, expires: new Date(validToMs).toISOString() }, 'new certificate in use'),
    refused: (door, faults) =>
      log.error({ door, problems: faults.map(formatTlsFault) }, 'the certificate in use is kept'),
    handshakeFailed: (door, peer, reason) => log.warn({ door, peer, reason }, 'TLS handshake failed'),
  }
}

/** The configuration has been checked: an address that cannot be read is one that was never checked. */
function addressOf(text: string, setting: string): ListenAddress {
  const parsed = parseListenAddress(text)
  if ('wrong' in parsed) throw new ConfigError(`${setting}: ${parsed.wrong} (right: ${parsed.right})`)
  return parsed.address
}

function socketPathOf(text: string, setting: string): string {
  const address = addressOf(text, setting)
  if (address.kind !== 'unix') throw new ConfigError(`${setting}: ${text} is no unix socket`)
  return address.path
}

const PING_DEADLINE_MS = 900

async function readinessOf(engine: Engine, stopping: boolean): Promise<Readiness> {
  if (stopping) return 'stopping'
  const answers = await engine.database.ping(AbortSignal.timeout(PING_DEADLINE_MS)).catch(() => false)
  return answers ? 'ready' : 'degraded'
}

/** Longer than a copy without a bus takes to look. */
const COPIES_PATIENCE_MS = 5000

/** What a database that hangs may take of the time to stop. */
const LAST_EVENTS_MS = 2000

interface Closing {
  readonly listeners: readonly { close(timeoutMs: number): Promise<void> }[]
  readonly recorders: readonly { stop(deadlineMs: number): Promise<void> }[]
  readonly others: readonly ({ close(): Promise<void> } | undefined)[]
}

async function closeEverything(
  { listeners, recorders, others }: Closing,
  engine: Engine,
  logger: OpenLogger,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  await Promise.allSettled(listeners.map(listener => listener.close(timeoutMs)))
  const lastMs = Math.min(LAST_EVENTS_MS, timeoutMs)
  await Promise.allSettled(recorders.map(recorder => recorder.stop(lastMs)))
  await Promise.allSettled(others.map(other => other?.close()))
  await Promise.allSettled([engine.close(Math.max(0, deadline - performance.now()))])
  await logger.flush()
}
