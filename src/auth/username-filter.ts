// Whether a passdb's `username_filter` lets a user in.

import { matchesWildcard } from '../model/wildcard.js'

/**
 * A matching `!pattern` refuses, wherever it stands. Otherwise one plain pattern must match, if there is any:
 * a filter of exclusions alone accepts everybody else (auth-request.c:auth_request_username_accepted, 2.3.19).
 */
export function acceptsUsername(filter: readonly string[], user: string): boolean {
  let hasInclusions = false
  let included = false
  for (const pattern of filter) {
    if (pattern.startsWith('!')) {
      if (matchesWildcard(pattern.slice(1), user)) return false
    } else {
      hasInclusions = true
      included ||= matchesWildcard(pattern, user)
    }
  }
  return included || !hasInclusions
}
