// One passdb, without a password: for LMTP, doveadm, and mechanisms that Dovecot computes from the stored hash.

import type { Clock } from '../model/clock.js'
import type { PassdbReply } from '../model/passdb.js'
import { withDefaultScheme } from '../password/stored-password.js'
import { refusalByFields, withoutPastDelay } from './deciding-fields.js'
import { lookUp } from './look-up.js'
import type { Ask } from './passdb-chain.js'

/** How the chain asks a link for what it has stored. */
export function askToLookUp(clock: Clock): Ask {
  return async (link, request) => {
    const startedAt = clock.now()
    const { found, fields, fieldsBeforePassword } = await lookUp(link, request)
    return { reply: replyTo(), cache: 'none', ms: clock.now() - startedAt }

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
