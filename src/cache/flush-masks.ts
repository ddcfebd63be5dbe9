// Whom a flush means.

import { matchesWildcard } from '../model/wildcard.js'
import { userOfKey } from './cache-key.js'

/** No mask means everybody. A mask is a user, or a pattern with `*` and `?` (auth-cache.c, 2.4.3). */
export function isMeantBy(masks: readonly string[] = []): (key: string) => boolean {
  if (masks.length === 0) return () => true
  const users = new Set(masks.filter(mask => !/[*?]/.test(mask)))
  const patterns = masks.filter(mask => /[*?]/.test(mask))
  return key => {
    const user = userOfKey(key)
    return users.has(user) || patterns.some(pattern => matchesWildcard(pattern, user))
  }
}
