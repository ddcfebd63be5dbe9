// The auth cache of a running service, whose size and times may change.

import type { Clock } from '../model/clock.js'
import { type AuthCache, createAuthCache } from './auth-cache.js'
import type { CacheSettings } from './cache-settings.js'

export interface ReloadableCache extends AuthCache {
  /**
   * Begins with an empty cache of these settings. false: they ask for none, which a running service cannot change; the
   * cache stays as it is.
   */
  reload(settings: CacheSettings): boolean
}

/** As createAuthCache: undefined when the settings ask for no cache. */
export function createReloadableCache(settings: CacheSettings, clock: Clock): ReloadableCache | undefined {
  let current = createAuthCache(settings, clock)
  if (!current) return undefined
  let cache = current
  return {
    // What is being asked meanwhile ends in the cache it began in, and is forgotten with it.
    lookup: question => cache.lookup(question),
    flush: masks => cache.flush(masks),
    forgetUsers: users => cache.forgetUsers(users),
    stats: () => cache.stats(),
    statsSinceReset: () => cache.statsSinceReset(),
    resetStats: () => cache.resetStats(),
    reload: next => {
      current = createAuthCache(next, clock)
      if (current) cache = current
      return current !== undefined
    },
  }
}
