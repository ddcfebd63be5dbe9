// Logins that lately met trouble on our side, so that the policy does not take them for guesses.

import type { AuthEvent } from '../model/auth-event.js'
import { addressOf } from '../model/ip-address.js'
import { type Attempt, loginOf, sessionOf } from '../policy/attempt.js'
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
    notice: event => {
      if (!isTrouble(event)) return
      const { sessionId, remoteIp } = event
      // As the policy counts it: whose password it was, and of a master's login that is the master's.
      const whose = event.masterUser ?? event.user
      names.add(sessionId === undefined ? byPlace(remoteIp, whose) : bySession(sessionId, whose))
    },
    // Dovecot tells its session to the policy always, and to us not through every door.
    take: ({ session, login, remote }) =>
      (session !== undefined && names.take(bySession(session, login))) || names.take(byPlace(remote, login)),
  }
}

/** A lookup with a mechanism is a login, too: Dovecot compares the password. */
function isTrouble({ question, result, mechanism }: AuthEvent): boolean {
  if (result !== 'internal_failure' && result !== 'scheme_not_available') return false
  return question === 'verify' || (question === 'lookup' && mechanism !== undefined)
}

/** One login of one connection. */
const bySession = (session: string, user: string): string => `session ${sessionOf(session)} ${loginOf(user)}`

/** One login from one address; nothing where there is none. */
function byPlace(remote: string | undefined, user: string): string {
  const address = remote === undefined ? undefined : addressOf(remote)
  return address === undefined ? '' : `from ${address} ${loginOf(user)}`
}
