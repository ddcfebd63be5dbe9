// One passdb, with a password: what the database has, what that means for this password, what its fields allow.

import type { AuthCache } from '../cache/auth-cache.js'
import type { CachedPassword } from '../cache/cached-password.js'
import { andThen } from '../model/and-then.js'
import type { AuthRequest } from '../model/auth-request.js'
import type { Clock } from '../model/clock.js'
import type { ExtraFields } from '../model/extra-fields.js'
import { checkMasterLimits, type LimitVerdict } from '../model/master-limits.js'
import type { PassdbLookup, PassdbReply } from '../model/passdb.js'
import type { Password } from '../model/password.js'
import type { PasswordVerdict, PasswordVerifier, VerifyContext } from '../password/password-verifier.js'
import { withDefaultScheme } from '../password/stored-password.js'
import type { ChainedPassdb } from './chained-passdb.js'
import { refusalByFields, withoutPastDelay } from './deciding-fields.js'
import { type LookedUp, lookUp, staleReason } from './look-up.js'
import type { Ask, Asked } from './passdb-chain.js'
import type { PasswordMatched } from './strengthen-password.js'

type Verifier = Pick<PasswordVerifier, 'verify'> & { readonly matched?: PasswordMatched | undefined }
type Found = Extract<PassdbLookup, { result: 'ok' }>

interface Judging {
  readonly password: Password
  readonly verifier: Verifier
  readonly clock: Clock
}

/** How the chain asks a link whether this password is right; what is known of it is answered at once. */
export function askToVerify(password: Password, verifier: Verifier, clock: Clock, cache?: AuthCache): Ask {
  const judging: Judging = { password, verifier, clock }
  return (link, request, passwordVerified) => {
    const startedAt = clock.now()
    const asked = (looked: LookedUp, reply: PassdbReply): Asked => ({
      reply,
      cache: looked.cache,
      ms: clock.now() - startedAt,
      staleReason: staleReason(looked),
    })
    const judged = (looked: LookedUp, mayBeOlder = true): Asked | Promise<Asked> =>
      andThen(judge(link, request, looked, passwordVerified, judging), reply => {
        if (reply.result !== 'password_mismatch') return asked(looked, reply)
        // What is right now only the database knows, and it does not say.
        if (looked.cache === 'stale') return asked(looked, looked.failure ?? { result: 'internal_failure' })
        // Whatever is under way once that question has its answer was asked after this one came.
        if (looked.isOlder && mayBeOlder) return again(false)
        return isDoubtful(looked) ? again(true) : asked(looked, reply)
      })
    const again = (mayBeOlder: boolean): Asked | Promise<Asked> =>
      andThen(lookUp(link, request, { cache, asked: 'verify', again: true }), looked =>
        judged(looked, mayBeOlder),
      )
    return andThen(lookUp(link, request, { cache, asked: 'verify' }), looked => judged(looked))
  }
}

/** What has just come from the database is not doubtful. */
function isDoubtful({ cache, password }: LookedUp): boolean {
  return cache === 'hit' && password?.mismatchIsDoubtful === true
}

export interface ComparedOnce {
  readonly verify: PasswordVerifier['verify']
  /** Whether it was asked at all. */
  readonly hasCompared: () => boolean
}

/** Compares one password with the same stored value once: asking the database again mostly brings the same. */
export function comparedOnce(verifier: Pick<PasswordVerifier, 'verify'>): ComparedOnce {
  let last: { stored: string; user: string; verdict: PasswordVerdict | Promise<PasswordVerdict> } | undefined
  return {
    verify: (stored, password, context) => {
      const { user } = context
      if (last?.stored !== stored || last.user !== user) {
        last = { stored, user, verdict: verifier.verify(stored, password, context) }
      }
      return last.verdict
    },
    hasCompared: () => last !== undefined,
  }
}

function judge(
  link: ChainedPassdb,
  request: AuthRequest,
  { found, fields, fieldsBeforePassword, password }: LookedUp,
  passwordVerified: boolean,
  judging: Judging,
): PassdbReply | Promise<PassdbReply> {
  if (found.result !== 'ok') return found
  const ok: PassdbReply = { result: 'ok', fields: found.fields }
  // Whoever is found in a deny link is refused, whatever else the link says: `fail` must not let him pass as unknown.
  if (link.deny) return ok
  if (fieldsBeforePassword.has('noauthenticate')) return { result: 'next', fields: found.fields }
  if (link.master && fieldsBeforePassword.has('nopassword')) {
    return { result: 'internal_failure', reason: 'a master user cannot have nopassword' }
  }
  const refused = passwordVerified
    ? undefined
    : refusedPassword(link, request, found, fieldsBeforePassword, judging, password)
  return andThen(refused, reply => {
    if (reply !== undefined) return reply
    const now = judging.clock.unixSeconds()
    const limit = link.master ? limitOf(fields, request, now) : undefined
    if (limit && 'malformed' in limit) return { result: 'internal_failure', reason: limit.malformed }
    const reason = limit?.refused ?? refusalByFields(fields, request, now)
    if (reason !== undefined) return { result: 'user_unknown', found: true, reason }
    const kept = withoutPastDelay(found.fields, now)
    return kept === found.fields ? ok : { result: 'ok', fields: kept }
  })
}

function limitOf(fields: ExtraFields, request: AuthRequest, now: number): LimitVerdict {
  const loginUser = fields.get('login_user') ?? request.requestedLoginUser ?? ''
  return checkMasterLimits(fields, request, loginUser, now)
}

/** Why this password does not open the account; undefined when it does. */
function refusedPassword(
  link: ChainedPassdb,
  request: AuthRequest,
  found: Found,
  fields: ExtraFields,
  { password, verifier }: Judging,
  cached: CachedPassword | undefined,
): PassdbReply | undefined | Promise<PassdbReply | undefined> {
  const stored = found.credentials?.stored
  if (stored === undefined || stored === '') {
    if (fields.has('nopassword')) return undefined
    return { result: 'password_mismatch', reason: 'No password returned (and no nopassword)' }
  }
  // A password that is stored counts although `nopassword` is set too, as in 2.3: the stricter of the two.
  const full = withDefaultScheme(stored, link.defaultPasswordScheme)
  const names = { user: request.user, originalUser: request.originalUser }
  return andThen(compare(full, password, names, verifier, cached), verdict => {
    if (verdict.verdict !== 'match') return refusalOf(verdict)
    verifier.matched?.(link, request.user, stored, password)
    return undefined
  })
}

function refusalOf(verdict: Exclude<PasswordVerdict, { verdict: 'match' }>): PassdbReply {
  switch (verdict.verdict) {
    case 'mismatch':
      return { result: 'password_mismatch' }
    case 'scheme_not_available':
      return { result: 'scheme_not_available', reason: verdict.reason }
    case 'malformed':
      return { result: 'internal_failure', reason: verdict.reason }
    case 'unavailable': {
      const { verdict: _, ...why } = verdict
      return { result: 'internal_failure', ...why }
    }
  }
}

const match: PasswordVerdict = { verdict: 'match' }

/** As the verifier compares; at once for a password that the cache knows to be right for this stored value. */
function compare(
  stored: string,
  password: Password,
  names: Required<Pick<VerifyContext, 'user' | 'originalUser'>>,
  verifier: Verifier,
  cached: CachedPassword | undefined,
): PasswordVerdict | Promise<PasswordVerdict> {
  const proof = { stored, password, user: names.user, originalUser: names.originalUser }
  if (cached?.wasRight(proof)) return match
  return andThen(verifier.verify(stored, password, names), verdict => {
    if (verdict.verdict === 'match') cached?.verified(proof)
    return verdict
  })
}
