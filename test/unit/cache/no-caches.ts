import type { CacheControl } from '../../../src/cache/cache-control.js'

/** Nobody caches anything. */
export const noCaches: CacheControl = {
  flush: async () => ({ copies: [], dovecots: [], complete: true }),
  status: async () => ({ copies: [] }),
}
