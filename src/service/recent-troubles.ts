// Logins that lately met trouble on our side, so that the policy does not take them for guesses.

import type { AuthEvent } from '../model/auth-event.js'
import { type Attempt, loginOf } from '../policy/attempt.js'
import { RecentNames } from '../policy/recent-names.js'

export interface RecentTroubles {
  /** Remembers the login if its password could not be checked. */
  notice(event: AuthEvent): void
  /** Whether this login is one of them; true once for each. */
  take(attempt: Attempt): boolean
}

export function createRecentTroubles(): RecentTroubles {
  const names = new RecentNames()
  return {
    notice: ({ question, result, sessionId, user }) => {
      if (question === 'verify' && result === 'internal_failure') names.add(nameOf(sessionId, user))
    },
    take: ({ session, login }) => names.take(nameOf(session, login)),
  }
}

/** One login of one connection; nothing where the caller gives no session. */
const nameOf = (session: string | undefined, user: string): string =>
  session === undefined ? '' : `${session} ${loginOf(user)}`
