// One passdb, with a password: what the database has, what that means for this password, what its fields allow.

import type { AuthRequest } from '../model/auth-request.js'
import type { Clock } from '../model/clock.js'
import type { ExtraFields } from '../model/extra-fields.js'
import type { PassdbLookup, PassdbReply } from '../model/passdb.js'
import type { Password } from '../model/password.js'
import type { PasswordVerifier } from '../password/password-verifier.js'
import { withDefaultScheme } from '../password/stored-password.js'
import type { ChainedPassdb } from './chained-passdb.js'
import { refusalByFields, withoutPastDelay } from './deciding-fields.js'
import { type LookedUp, lookUp } from './look-up.js'
import type { Ask } from './passdb-chain.js'

type Verifier = Pick<PasswordVerifier, 'verify'>
type Found = Extract<PassdbLookup, { result: 'ok' }>

/** How the chain asks a link whether this password is right. */
export function askToVerify(password: Password, verifier: Verifier, clock: Clock): Ask {
  return async (link, request, passwordVerified) => {
    const startedAt = clock.now()
    const { found, ...said } = await lookUp(link, request)
    const reply: PassdbReply =
      found.result === 'ok'
        ? await judge(link, request, found, said, passwordVerified, { password, verifier, clock })
        : found
    return { reply, cache: 'none', ms: clock.now() - startedAt }
  }
}

interface Judging {
  readonly password: Password
  readonly verifier: Verifier
  readonly clock: Clock
}

async function judge(
  link: ChainedPassdb,
  request: AuthRequest,
  found: Found,
  { fields, fieldsBeforePassword }: Omit<LookedUp, 'found'>,
  passwordVerified: boolean,
  judging: Judging,
): Promise<PassdbReply> {
  const ok: PassdbReply = { result: 'ok', fields: found.fields }
  // Who is found in a deny link is refused, whatever else the link says: `fail` must not let him pass as unknown.
  if (link.deny) return ok
  if (fieldsBeforePassword.has('noauthenticate')) return { result: 'next', fields: found.fields }
  if (!passwordVerified) {
    const refused = await refusedPassword(link, request, found, fieldsBeforePassword, judging)
    if (refused) return refused
  }
  const now = judging.clock.unixSeconds()
  const reason = refusalByFields(fields, request, now)
  if (reason !== undefined) return { result: 'user_unknown', found: true, reason }
  return { ...ok, fields: withoutPastDelay(found.fields, now) }
}

/** Why this password does not open the account; undefined when it does. */
async function refusedPassword(
  link: ChainedPassdb,
  request: AuthRequest,
  found: Found,
  fields: ExtraFields,
  { password, verifier }: Judging,
): Promise<PassdbReply | undefined> {
  const stored = found.credentials?.stored
  if (stored === undefined || stored === '') {
    if (fields.has('nopassword')) return undefined
    return { result: 'password_mismatch', reason: 'No password returned (and no nopassword)' }
  }
  // A password that is stored counts although `nopassword` is set too, as in 2.3: the stricter of the two.
  const verdict = await verifier.verify(withDefaultScheme(stored, link.defaultPasswordScheme), password, {
    user: request.user,
    originalUser: request.originalUser,
  })
  switch (verdict.verdict) {
    case 'match':
      return undefined
    case 'mismatch':
      return { result: 'password_mismatch' }
    case 'scheme_not_available':
      return { result: 'scheme_not_available', reason: verdict.reason }
    case 'malformed':
    case 'unavailable':
      return { result: 'internal_failure', reason: verdict.reason }
  }
}
