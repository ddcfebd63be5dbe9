// One passdb, without a password: for LMTP, doveadm, and mechanisms that Dovecot computes from the stored hash.

import type { AuthCache } from '../cache/auth-cache.js'
import { andThen } from '../model/and-then.js'
import type { AuthRequest } from '../model/auth-request.js'
import type { Clock } from '../model/clock.js'
import type { PassdbReply } from '../model/passdb.js'
import { withDefaultScheme } from '../password/stored-password.js'
import type { ChainedPassdb } from './chained-passdb.js'
import { refusalByFields, withoutPastDelay } from './deciding-fields.js'
import { type LookedUp, lookUp, staleReason } from './look-up.js'
import type { Ask, Asked } from './passdb-chain.js'

/** How the chain asks a link for what it has stored; what is cached comes at once. */
export function askToLookUp(clock: Clock, cache?: AuthCache): Ask {
  return (link, request) => {
    const startedAt = clock.now()
    const asked = (looked: LookedUp): Asked => ({
      reply: replyTo(link, request, looked, clock),
      cache: looked.cache,
      ms: clock.now() - startedAt,
      staleReason: staleReason(looked),
    })
    return andThen(lookUp(link, request, { cache, asked: 'lookup' }), asked)
  }
}

function replyTo(
  link: ChainedPassdb,
  request: AuthRequest,
  { found, fields, fieldsBeforePassword }: LookedUp,
  clock: Clock,
): PassdbReply {
  if (found.result !== 'ok') return found
  if (link.deny) return { result: 'ok', fields: found.fields }
  if (fieldsBeforePassword.has('noauthenticate')) return { result: 'next', fields: found.fields }
  const now = clock.unixSeconds()
  const reason = refusalByFields(fields, request, now)
  if (reason !== undefined) return { result: 'user_unknown', found: true, reason }
  const stored = found.credentials?.stored
  const kept = withoutPastDelay(found.fields, now)
  if (!stored) return { result: 'ok', fields: kept }
  const credentials = { stored: withDefaultScheme(stored, link.defaultPasswordScheme) }
  return { result: 'ok', fields: kept, credentials }
}
