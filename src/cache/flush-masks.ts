// Whom a flush means.

import { matchesWildcard } from '../model/wildcard.js'

/** No mask means everybody. A mask is a user, or a pattern with `*` and `?` (auth-cache.c, 2.4.3). */
export function isMeantBy(masks: readonly string[] = []): (user: string) => boolean {
  if (masks.length === 0) return () => true
  const users = new Set(masks.filter(mask => !/[*?]/.test(mask)))
  const patterns = masks.filter(mask => /[*?]/.test(mask))
  return user => users.has(user) || patterns.some(pattern => matchesWildcard(pattern, user))
}
