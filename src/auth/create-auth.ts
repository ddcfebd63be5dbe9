// The engine: names, then the chain, then the output firewall, then one event for whoever keeps the log.

import type { AuthCache } from '../cache/auth-cache.js'
import { andThen, promised } from '../model/and-then.js'
import type { AuthEvent } from '../model/auth-event.js'
import { type AuthRequest, requestFrom } from '../model/auth-request.js'
import type { Clock } from '../model/clock.js'
import { type ExtraFields, noFields, withoutFields } from '../model/extra-fields.js'
import { type CheckedFields, checkFields } from '../model/field-firewall.js'
import type { MasterUse } from '../model/master-use.js'
import type { FinalResult } from '../model/passdb-result.js'
import { hasIllegalCharacters, type Password } from '../model/password.js'
import type { UserdbResult } from '../model/userdb.js'
import type { UsernameRules } from '../model/username.js'
import type { PasswordVerifier } from '../password/password-verifier.js'
import type { Auth, IncomingRequest } from './auth.js'
import type { AuthOutcome, UserdbOutcome } from './auth-outcome.js'
import type { ChainOutcome } from './chain-outcome.js'
import type { ChainedUserdb } from './chained-userdb.js'
import { listUsers } from './list-users.js'
import { askToLookUp } from './lookup-credentials.js'
import { walkUserdbs } from './lookup-user.js'
import { withMaster } from './master-fields.js'
import { masterUseOf } from './master-use.js'
import { type LoginNames, loginNames, splitNames } from './master-user.js'
import { type PassdbChain, walkChain, walkMasters } from './passdb-chain.js'
import type { PasswordMatched } from './strengthen-password.js'
import { askToVerify, comparedOnce } from './verify-plain.js'

export interface AuthOptions {
  readonly chain: PassdbChain
  readonly userdbs: readonly ChainedUserdb[]
  readonly usernameRules: UsernameRules
  /** auth_master_user_separator; empty: no master logins by name. */
  readonly masterUserSeparator: string
  readonly verifier: Pick<PasswordVerifier, 'verify' | 'verifyNothing'>
  readonly clock: Clock
  /** Absent: every question asks the databases. */
  readonly cache?: AuthCache
  /** Told of every password that was right for what is stored, before the answer leaves. */
  readonly matched?: PasswordMatched
  /**
   * Told of every master login and every attempt at one, before the answer leaves. Where it returns a promise, a login
   * waits for it, and one that resolves to false is refused: there is no record of it. Never rejects.
   */
  readonly masterUsed?: (use: MasterUse) => Promise<boolean> | undefined
  /**
   * Looks at the route in the fields of an `ok`, the firewall and the cache behind it: the fields as they may leave, or why
   * none may. Never rejects. Absent: every route may leave.
   */
  readonly route?: (fields: ExtraFields, request: AuthRequest) => Routed | Promise<Routed>
  /** Told of every answered question, once. */
  readonly report: (event: AuthEvent) => void
}

type Routed = { readonly fields: ExtraFields } | { readonly stopped: string }

/** Makes the engine. It keeps nothing between requests but what is in the cache. */
export function createAuth(options: AuthOptions): Auth {
  const { chain, userdbs, usernameRules, masterUserSeparator, verifier, clock, cache, report } = options
  const askLookups = askToLookUp(clock, cache)
  return {
    authenticate: (incoming, password) =>
      promised(() => {
        const startedAt = clock.now()
        const names = namesOf(incoming)
        return andThen(verify(incoming, names, password), verified =>
          andThen(routed(ready(verified)), walked =>
            andThen(recorded(incoming, names, walked), last => finish('verify', incoming, startedAt, last)),
          ),
        )
      }),
    lookupPassdb: incoming => promised(() => lookupPassdb(incoming)),
    lookupUserdb: async incoming => {
      const startedAt = clock.now()
      const name = usernameRules.normalise(incoming.user)
      if ('refused' in name) return finishUserdb(incoming, startedAt, refused(incoming, name.refused))
      const request = requestFrom(incoming, name.user)
      return finishUserdb(incoming, startedAt, {
        ...(await walkUserdbs(userdbs, request, passdbsKnow, clock, cache)),
        request,
      })
    },
    listUsers: mask => listUsers(userdbs, mask),
  }

  function lookupPassdb(incoming: IncomingRequest): AuthOutcome | Promise<AuthOutcome> {
    const startedAt = clock.now()
    const name = usernameRules.normalise(incoming.user)
    if ('refused' in name) return finish('lookup', incoming, startedAt, refused(incoming, name.refused))
    const request = requestFrom(incoming, name.user)
    return andThen(walkChain(chain, request, askLookups, 'lookup'), found =>
      andThen(routed(ready(found)), walked => {
        if (request.masterUser === undefined) return finish('lookup', incoming, startedAt, walked)
        // A mechanism that Dovecot computes, and a master whom it has verified: what the user has stored is nobody's
        // business, and Dovecot 2.3.19 and 2.4.1 refuse the login when they are shown it.
        const shown = { ...walked, credentials: undefined }
        return andThen(recorded(incoming, name, shown), last => finish('lookup', incoming, startedAt, last))
      }),
    )
  }

  /** userdb-static.c:static_credentials_callback (2.3.19): whoever may not log in is unknown to it. */
  async function passdbsKnow(request: AuthRequest): Promise<UserdbResult> {
    const { result } = withoutStaleRefusal(await walkChain(chain, request, askLookups, 'lookup'))
    if (result === 'ok') return 'ok'
    return result === 'internal_failure' || result === 'scheme_not_available'
      ? 'internal_failure'
      : 'user_unknown'
  }

  /** The outcome with a route that leads somewhere, or none. */
  function routed(walked: ReadyOutcome): ReadyOutcome | Promise<ReadyOutcome> {
    const { result, request, fields, anyPassword } = walked
    if (result !== 'ok' || options.route === undefined) return walked
    const isOpen = anyPassword === true || fields.has('nopassword')
    const judged =
      isOpen && fields.has('proxy_maybe')
        ? routedOpen(options.route, walked, anyPassword === true)
        : options.route(fields, request)
    return andThen(judged, route => {
      if ('fields' in route) return route.fields === fields ? walked : { ...walked, fields: route.fields }
      return { ...walked, result: 'internal_failure', fields: noFields, reason: route.stopped }
    })
  }

  /** The outcome, a use of a master's power written down, or about to be. */
  function recorded(
    incoming: IncomingRequest,
    names: LoginNames,
    walked: ReadyOutcome,
  ): ReadyOutcome | Promise<ReadyOutcome> {
    const use = masterUseOf(incoming, names, walked)
    const isWritten = use && options.masterUsed?.(use)
    if (isWritten === undefined) return walked
    return isWritten.then(written => (written ? walked : withoutRecord(walked)))
  }

  function namesOf(incoming: IncomingRequest): LoginNames {
    // The caller verified a master already and asks for the login user: nothing is left to split.
    return incoming.skipPasswordCheck === true
      ? usernameRules.normalise(incoming.user)
      : loginNames(incoming, masterUserSeparator, usernameRules)
  }

  function verify(
    incoming: IncomingRequest,
    names: LoginNames,
    password: Password,
  ): ChainOutcome | Promise<ChainOutcome> {
    if ('refused' in names) return refused(incoming, names.refused)
    if (hasIllegalCharacters(password)) {
      return refused(incoming, 'Attempted login with password having illegal chars')
    }
    const { verify: compare, hasCompared } = comparedOnce(verifier)
    const ask = askToVerify(password, { verify: compare, matched: options.matched }, clock, cache)
    const asLate = (outcome: ChainOutcome) => (hasCompared() ? outcome : asLateAsMost(outcome, password))
    const loginUser = 'loginUser' in names ? names.loginUser : undefined
    if (loginUser === undefined) {
      const request = requestFrom(incoming.skipPasswordCheck ? incoming : asHimself(incoming), names.user)
      return andThen(walkChain(chain, request, ask, 'verify'), asLate)
    }
    if (chain.masters.length === 0) {
      return refused(incoming, 'Master user login attempted without master passdbs', 'password_mismatch')
    }
    const request = requestFrom(asHimself(incoming), names.user)
    // As in Dovecot: the name that was typed is the master's.
    const originalUser = splitNames(incoming, masterUserSeparator).master ?? request.originalUser
    const asking = { ...request, originalUser, requestedLoginUser: loginUser }
    return walkMasters(chain, asking, ask).then(asLate)
  }

  /**
   * What becomes of an outcome for which no password was compared: a refusal takes as long as that of a wrong password, so
   * that it does not tell who exists, and is none where a wrong password gets none.
   */
  function asLateAsMost(outcome: ChainOutcome, password: Password): ChainOutcome | Promise<ChainOutcome> {
    if (!refusals.has(outcome.result)) return outcome
    return verifier.verifyNothing(password, { user: outcome.request.user }).then(nothing => {
      if (nothing.verdict !== 'unavailable') return outcome
      const { verdict: _, ...why } = nothing
      return { ...outcome, result: 'internal_failure', fields: noFields, ...why }
    })
  }

  function finish(
    question: 'verify' | 'lookup',
    incoming: IncomingRequest,
    startedAt: number,
    walked: ReadyOutcome,
  ): AuthOutcome {
    tell(question, incoming, startedAt, walked)
    const { result, request, fields, trace, credentials, retryAfterSecs } = walked
    return {
      result,
      user: request.user,
      fields,
      trace,
      masterUser: request.masterUser,
      credentials: result === 'ok' ? credentials : undefined,
      reason: reasonForPeer(result, walked),
      retryAfterSecs,
    }
  }

  function finishUserdb(incoming: IncomingRequest, startedAt: number, walked: ReadyOutcome): UserdbOutcome {
    const checked = throughFirewall(walked)
    tell('userdb', incoming, startedAt, checked)
    const { result, request, fields } = checked
    const word = result === 'ok' || result === 'user_unknown' ? result : 'internal_failure'
    const { reasonField: reason } = walked
    return { result: word, user: request.user, fields, ...(reason !== undefined && { reason }) }
  }

  function tell(
    question: AuthEvent['question'],
    incoming: IncomingRequest,
    startedAt: number,
    walked: ChainOutcome,
  ): void {
    const { request, result, trace, reason, cause, retryAfterSecs } = walked
    report({
      question,
      result,
      user: request.user,
      originalUser: incoming.user,
      protocol: request.protocol,
      trace,
      ms: clock.now() - startedAt,
      masterUser: request.masterUser,
      mechanism: request.mechanism,
      remoteIp: request.remoteIp,
      sessionId: request.sessionId,
      reason,
      cause,
      overloaded: retryAfterSecs !== undefined,
    })
  }
}

/** An outcome as it may leave, and what the caller may be told about it. */
interface ReadyOutcome extends ChainOutcome {
  /** The `reason` field of whoever refused. */
  readonly reasonField?: string | undefined
}

function ready(walked: ChainOutcome): ReadyOutcome {
  const fresh = withWholeRoute(throughFirewall(withMasterFields(withoutStaleRefusal(walked))))
  const reasonField = walked.fields.get('reason')
  return reasonField === undefined ? fresh : { ...fresh, reasonField }
}

function withMasterFields(walked: ChainOutcome): ChainOutcome {
  const { masterUser, user } = walked.request
  if (masterUser === undefined) return walked
  return { ...walked, fields: withMaster(walked.fields, masterUser, user) }
}

/**
 * A mailbox that may be here, of a user without a password: whoever is here would get in with any. No login gets it, by a
 * password or by what Dovecot makes of a lookup; mail is delivered, and nobody is told that no password is needed.
 */
function routedOpen(
  route: NonNullable<AuthOptions['route']>,
  { fields, request }: ReadyOutcome,
  isLogin: boolean,
): Routed | Promise<Routed> {
  if (isLogin || (request.mechanism !== undefined && request.masterUser === undefined)) {
    return { stopped: 'proxy_maybe needs a password of its own: without one only a backend can verify it' }
  }
  return route(withoutFields(fields, ['nopassword']), request)
}

/** Where nobody may log in as somebody else unless that is written down. */
function withoutRecord(walked: ReadyOutcome): ReadyOutcome {
  if (walked.result !== 'ok') return walked
  const reason = 'the audit of master logins cannot be written (master_audit_required)'
  return { ...walked, result: 'internal_failure', fields: noFields, reason }
}

/** Whose password nobody has verified yet is nobody's master. */
function asHimself(incoming: IncomingRequest): IncomingRequest {
  return incoming.masterUser === undefined ? incoming : { ...incoming, masterUser: undefined }
}

const refusals: ReadonlySet<FinalResult> = new Set([
  'user_unknown',
  'user_disabled',
  'pass_expired',
  'password_mismatch',
])

/** Refused before any passdb was asked. */
function refused(
  incoming: IncomingRequest,
  reason: string,
  result: FinalResult = 'user_unknown',
): ChainOutcome {
  return { result, request: requestFrom(incoming, incoming.user), fields: noFields, trace: [], reason }
}

/**
 * A refusal counts only from databases that answered. An expired entry lets the walk go on, so that whoever is known
 * further down gets in while the database is down; whoever is disabled there may have moved to it meanwhile.
 */
function withoutStaleRefusal(walked: ChainOutcome): ChainOutcome {
  if (!refusals.has(walked.result)) return walked
  const stale = walked.trace.find(step => step.cache === 'stale')
  if (stale === undefined) return walked
  return { ...walked, result: 'internal_failure', reason: stale.reason ?? 'only an expired entry said no' }
}

/** Fields leave only with an `ok`, and only when none of them could hurt Dovecot: else nothing leaves. */
function throughFirewall(walked: ChainOutcome): ChainOutcome {
  if (walked.result !== 'ok') return walked.fields.size === 0 ? walked : { ...walked, fields: noFields }
  const checked = withoutTempfail(checkFields(walked.fields))
  if ('stopped' in checked) {
    return { ...walked, result: 'internal_failure', fields: noFields, reason: checked.stopped }
  }
  return checked.fields === walked.fields ? walked : { ...walked, fields: checked.fields }
}

/** Whoever has a host has their mail there: without the word `proxy` Dovecot would open a mailbox here. */
function withWholeRoute(walked: ChainOutcome): ChainOutcome {
  const { result, fields } = walked
  if (result !== 'ok' || !fields.has('host') || fields.has('proxy') || fields.has('proxy_maybe'))
    return walked
  return {
    ...walked,
    result: 'internal_failure',
    fields: noFields,
    reason: 'field "host" needs a field "proxy"',
  }
}

/** Dovecot would take the login, find out then, and hang up without a word (2.3.19 and 2.4.1). */
function withoutTempfail(checked: CheckedFields): CheckedFields {
  if (!('fields' in checked) || !checked.fields.has('userdb_tempfail')) return checked
  return { stopped: checked.fields.get('userdb_reason') ?? 'the tempfail field is set' }
}

/** What the caller may be told. Why we failed is for our log alone. */
function reasonForPeer(result: FinalResult, { reasonField }: ReadyOutcome): string | undefined {
  if (result === 'user_disabled') return reasonField ?? 'Account is disabled'
  if (result === 'pass_expired') return reasonField ?? 'Password expired'
  return undefined
}
