import type { AuthCache } from '../cache/auth-cache.js'
import { type SharedCache, shareCache } from '../cache/share-cache.js'
import type { HomingConfig } from '../config/program-schema.js'
import type { Engine } from '../engine.js'
import { systemClock } from '../model/clock.js'
import type { StateStore } from '../state/state-store.js'

export interface SharingDeps {
  readonly settings: HomingConfig['settings']
  readonly warn: (message: string) => void
}

/** As shareCache, with the changes of every database that the chain reads; that of the service comes first. */
export function startSharing(
  cache: AuthCache,
  { databases, database }: Engine,
  state: StateStore,
  { settings, warn }: SharingDeps,
): SharedCache {
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
