// A configuration that was written while the service runs: what it can take up, it does.

import type { ReloadableCache } from '../cache/reloadable-cache.js'
import { formatProblem } from '../config/config-problem.js'
import type { LoadedConfig } from '../config/load-config.js'
import { type HomingConfig, programSchema } from '../config/program-schema.js'
import { settingChanges, takeUp } from '../config/reload-settings.js'
import type { Logger } from '../telemetry/logger.js'

export interface Reloader {
  /** What the last one was; true before the first. */
  isConfigGood(): boolean
  /** When a good configuration was read last (milliseconds since 1970), and which of its settings wait for a restart. */
  lastRead(): { readonly readMs: number; readonly needRestart: readonly string[] }
  /**
   * Takes up what changed and can change in a running service, and logs what has to wait for a restart. A configuration
   * with mistakes is logged, and nothing changes.
   */
  reload(loaded: LoadedConfig<typeof programSchema.settings>): Promise<void>
}

export interface ReloaderDeps {
  /** Changed in place, for all who hold its settings. */
  readonly running: HomingConfig
  readonly cache: ReloadableCache | undefined
  readonly log: Logger
  readonly renewCertificates: (settings: HomingConfig['settings']) => Promise<void>
}

export function createReloader({ running, cache, log, renewCertificates }: ReloaderDeps): Reloader {
  const { settings } = running
  let isGood = true
  let lastRead: ReturnType<Reloader['lastRead']> = { readMs: Date.now(), needRestart: [] }
  return {
    isConfigGood: () => isGood,
    lastRead: () => lastRead,
    reload: async loaded => {
      for (const warning of loaded.warnings) log.warn(formatProblem(warning))
      isGood = 'config' in loaded
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
      await renewCertificates(settings)
      log.info({ settings: taken }, 'configuration reloaded')
      const later = [...needRestart, ...waiting]
      lastRead = { readMs: Date.now(), needRestart: later }
      if (later.length > 0) log.warn({ settings: later }, 'changed, and in use only after a restart')
    },
  }
}
