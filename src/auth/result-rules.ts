// Decides what one passdb's reply means for the rest of the chain. Pure; Dovecot's rules, one truth
// (auth-request.c:auth_request_handle_passdb_callback, 2.3.19; auth_request_finish_passdb_lookup, 2.4.1).

import { withField, withoutFields } from '../model/extra-fields.js'
import type { Credentials, PassdbReply } from '../model/passdb.js'
import type { FinalResult, PassdbResult } from '../model/passdb-result.js'
import type { LinkRules, ResultRule } from './chained-passdb.js'
import { type NamedFields, type SetFields, setLinkFields } from './link-fields.js'

/** What the chain knows between two links. */
export interface ChainState extends NamedFields {
  /** The chain would say yes if it ended here. */
  readonly success: boolean
  /** An earlier link vouches for the password: later ones only have to find the user. */
  readonly passwordVerified: boolean
  readonly seenInternalFailure: boolean
  readonly seenUnknown: boolean
  /** What a lookup shows when its last link has none: the first that an accepting link had. */
  readonly credentials: Credentials | undefined
  /** An accepting link said `nopassword`. It counts only where no link has credentials. */
  readonly nopassword: boolean
}

export interface GoOn {
  readonly goOn: true
  readonly state: ChainState
  /** What the link came to. If no link is left that wants to be asked, `finalResult` of it ends the chain. */
  readonly linkResult: PassdbResult
}

export interface End {
  readonly goOn: false
  readonly state: ChainState
  readonly linkResult: PassdbResult
  readonly result: FinalResult
}

export type ChainStep = GoOn | End

interface Effect {
  readonly goOn: boolean
  readonly success?: boolean
  readonly verifies?: 'if-ok' | 'always'
}

const effects: Readonly<Record<ResultRule, Effect>> = {
  return: { goOn: false },
  'return-ok': { goOn: false, success: true },
  'return-fail': { goOn: false, success: false },
  continue: { goOn: true, verifies: 'if-ok' },
  'continue-ok': { goOn: true, success: true, verifies: 'always' },
  'continue-fail': { goOn: true, success: false },
}

/** The state before the first link. `passwordVerified`: the caller has checked the password already. */
export function startState(names: NamedFields, passwordVerified: boolean): ChainState {
  return {
    user: names.user,
    loginUser: names.loginUser,
    fields: names.fields,
    success: false,
    passwordVerified,
    seenInternalFailure: false,
    seenUnknown: false,
    credentials: undefined,
    nopassword: false,
  }
}

/**
 * The state after this link's reply, and whether the chain wants to go on. What the link set is kept after
 * `ok` and `next` and forgotten otherwise; a deny link, `user_disabled` and `pass_expired` end at once.
 */
export function applyResultRule(state: ChainState, link: LinkRules, reply: PassdbReply): ChainStep {
  const set = 'fields' in reply ? setLinkFields(state, link, reply.fields) : undefined
  if (link.deny && reply.result !== 'user_unknown') return denied(state, set, reply.result)
  if (reply.result === 'user_disabled') return end(state, 'user_disabled')
  if (reply.result === 'pass_expired') return end(withReason(state, 'Password expired'), 'pass_expired')

  const linkResult = reply.result === 'ok' && set?.failed ? 'user_unknown' : reply.result
  const effect = effects[isFinal(link, reply, linkResult) ? 'return-fail' : ruleFor(link, linkResult)]
  const after = stateAfter(state, linkResult, effect, set, reply)
  return effect.goOn
    ? { goOn: true, state: after, linkResult }
    : { goOn: false, state: after, linkResult, result: finalResult(after, linkResult) }
}

/**
 * What the login comes to when the last link came to `last`. Success decided by a rule outweighs everything, also a
 * last `next` (2.4; 2.3 answers internal_failure to that one). A right password that no rule made a success
 * is a refusal, which is all Dovecot's client learns too.
 */
export function finalResult(state: ChainState, last: PassdbResult): FinalResult {
  if (state.success) return 'ok'
  if (state.seenInternalFailure || last === 'next') return 'internal_failure'
  return last === 'ok' ? 'password_mismatch' : last
}

/** The same for a lookup: another passdb had the scheme but not the user (auth_request_lookup_credentials_finish). */
export function finalLookupResult(state: ChainState, result: FinalResult): FinalResult {
  return result === 'scheme_not_available' && state.seenUnknown ? 'user_unknown' : result
}

/** Whether the user was found in a link whose users belong to it, and refused there. */
function isFinal(link: LinkRules, reply: PassdbReply, linkResult: PassdbResult): boolean {
  if (link.foundIsFinal !== true) return false
  if (linkResult === 'password_mismatch' || linkResult === 'scheme_not_available') return true
  return (
    linkResult === 'user_unknown' && (reply.result === 'ok' || ('found' in reply && reply.found === true))
  )
}

function ruleFor(link: LinkRules, result: PassdbResult): ResultRule {
  if (result === 'ok') return link.resultSuccess
  if (result === 'internal_failure') return link.resultInternalfail
  return result === 'next' ? 'continue' : link.resultFailure
}

function stateAfter(
  state: ChainState,
  linkResult: PassdbResult,
  effect: Effect,
  set: SetFields | undefined,
  reply: PassdbReply,
): ChainState {
  const kept = set !== undefined && (linkResult === 'ok' || linkResult === 'next') ? set : state
  const passwordVerified =
    state.passwordVerified ||
    effect.verifies === 'always' ||
    (effect.verifies === 'if-ok' && linkResult === 'ok')
  const shows = linkResult === 'ok' && (passwordVerified || !effect.goOn)
  return {
    user: kept.user,
    loginUser: kept.loginUser,
    fields: withoutFields(kept.fields, linkOnly),
    success: effect.success ?? state.success,
    passwordVerified,
    seenInternalFailure: state.seenInternalFailure || linkResult === 'internal_failure',
    seenUnknown: state.seenUnknown || linkResult === 'user_unknown',
    credentials: state.credentials ?? (shows && 'credentials' in reply ? reply.credentials : undefined),
    nopassword: state.nopassword || (shows && kept.fields.has('nopassword')),
  }
}

/** Said by one link about its own password check; the next link must not inherit it. */
const linkOnly = ['nopassword', 'noauthenticate']

/** Dovecot leaves the chain before it rolls back: what the deny link set (a `reason`, say) goes to the client. */
function denied(state: ChainState, set: SetFields | undefined, result: PassdbResult): End {
  const { user, fields } = set ?? state
  const after = { ...state, user, fields: withoutFields(fields, linkOnly) }
  return end(after, result === 'internal_failure' ? result : 'user_disabled')
}

function withReason(state: ChainState, reason: string): ChainState {
  return { ...state, fields: withField(state.fields, 'reason', reason) }
}

function end(state: ChainState, result: Exclude<FinalResult, 'ok'>): End {
  return { goOn: false, state, linkResult: result, result }
}
