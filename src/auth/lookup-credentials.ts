// One passdb, without a password: for LMTP, doveadm, and mechanisms that Dovecot computes from the stored hash.

import type { AuthCache } from '../cache/auth-cache.js'
import type { Clock } from '../model/clock.js'
import type { PassdbReply } from '../model/passdb.js'
import { withDefaultScheme } from '../password/stored-password.js'
import { refusalByFields, withoutPastDelay } from './deciding-fields.js'
import { lookUp, staleReason } from './look-up.js'
import type { Ask } from './passdb-chain.js'

/** How the chain asks a link for what it has stored. */
export function askToLookUp(clock: Clock, cache?: AuthCache): Ask {
  return async (link, request) => {
    const startedAt = clock.now()
    const looked = await lookUp(link, request, { cache, asked: 'lookup' })
    const { found, fields, fieldsBeforePassword } = looked
    return { reply: replyTo(), cache: looked.cache, ms: clock.now() - startedAt, ...staleReason(looked) }

    function replyTo(): PassdbReply {
      if (found.result !== 'ok') return found
      if (link.deny) return { result: 'ok', fields: found.fields }
      if (fieldsBeforePassword.has('noauthenticate')) return { result: 'next', fields: found.fields }
      const now = clock.unixSeconds()
      const reason = refusalByFields(fields, request, now)
      if (reason !== undefined) return { result: 'user_unknown', found: true, reason }
      const stored = found.credentials?.stored
      return {
        result: 'ok',
        fields: withoutPastDelay(found.fields, now),
        ...(stored && { credentials: { stored: withDefaultScheme(stored, link.defaultPasswordScheme) } }),
      }
    }
  }
}
