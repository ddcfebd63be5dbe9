// Proxied users as many as are wanted, a passdb that knows them all, and a cache with room for them.

import { type AuthCache, createAuthCache } from '../../src/cache/auth-cache.js'
import { systemClock } from '../../src/model/clock.js'
import type { Passdb, PassdbLookup } from '../../src/model/passdb.js'
import { settings } from '../unit/cache/cached-engine.js'

export const nameOfProxied = (index: number): string => `p${String(index).padStart(7, '0')}@proxy.test`

/** Every string a new one, as they come from a database. */
export const proxiedPassdb: Passdb = {
  driver: 'bench',
  routes: true,
  cacheKey: ['protocol'],
  lookup: async ({ user }): Promise<PassdbLookup> => ({
    result: 'ok',
    fields: new Map([
      ['proxy', 'y'],
      ['host', 'backend1.example.com'],
      ['port', '143'],
      ['starttls', 'yes'],
      ['nodelay', 'y'],
      ['destuser', user.replace('proxy', 'backend')],
      ['proxy_nopipelining', 'y'],
      ['nopassword', 'y'],
    ]),
  }),
}

export function openBigCache(): AuthCache {
  const cache = createAuthCache({ ...settings, auth_cache_size: 8 * 1024 ** 3 }, systemClock)
  if (!cache) throw new Error('no cache')
  return cache
}
