// Walks the chain of passdbs: the next link that is not skipped, its reply, its rule, and on or out.

import type { TraceStep } from '../model/auth-event.js'
import { type AuthRequest, renamedRequest, requestOfMaster } from '../model/auth-request.js'
import { ConfigError } from '../model/config-error.js'
import { type ExtraFields, noFields, withoutFields } from '../model/extra-fields.js'
import { checkMasterDomain, limitFields } from '../model/master-limits.js'
import type { PassdbReply } from '../model/passdb.js'
import { type ChainOutcome, type ChainQuestion, outcomeOf, unasked } from './chain-outcome.js'
import { acceptsMechanism, type ChainedPassdb, PLAIN } from './chained-passdb.js'
import { type NamedFields, setDefaultFields } from './link-fields.js'
import { applyResultRule, type ChainState, finalResult, startState } from './result-rules.js'
import { acceptsUsername } from './username-filter.js'

/** The links in their order: the masters for whoever logs in as somebody else, the others for everybody. */
export interface PassdbChain {
  readonly masters: readonly ChainedPassdb[]
  readonly links: readonly ChainedPassdb[]
}

/** One link's answer, complete but for the link's default and override fields, which the chain lays upon it. */
export interface Asked {
  readonly reply: PassdbReply
  readonly cache: TraceStep['cache']
  readonly ms: number
  /** With `cache: 'stale'`: why the database did not answer. */
  readonly staleReason?: string | undefined
}

/**
 * Asks one link. `request` carries the names as earlier links left them; with `passwordVerified` the link has only to
 * find the user; `fields` are those that earlier links and the link's own default_fields set. Throws only for a bug.
 */
export type Ask = (
  link: ChainedPassdb,
  request: AuthRequest,
  passwordVerified: boolean,
  fields: ExtraFields,
) => Asked | Promise<Asked>

/**
 * Sorts the configured passdbs. Leading links that wait for a password to be verified are dropped, of either kind:
 * nobody could have verified it (auth.c:auth_preinit, 2.3.19). Throws ConfigError for a master that denies.
 */
export function createChain(passdbs: readonly ChainedPassdb[]): PassdbChain {
  const denying = passdbs.find(link => link.master && link.deny)
  if (denying) throw new ConfigError(`passdb ${denying.name}: a master passdb cannot have deny`)
  return {
    masters: withoutLeading(passdbs.filter(link => link.master)),
    links: withoutLeading(passdbs.filter(link => !link.master)),
  }
}

function withoutLeading(links: readonly ChainedPassdb[]): readonly ChainedPassdb[] {
  const first = links.findIndex(link => link.skip !== 'unauthenticated')
  return first < 0 ? [] : links.slice(first)
}

/** Asks the normal links about the user, at once if they answer so. No master link is ever asked (CVE-2022-30550). */
export function walkChain(
  chain: PassdbChain,
  request: AuthRequest,
  ask: Ask,
  question: ChainQuestion,
): ChainOutcome | Promise<ChainOutcome> {
  return walk(chain, chain.links, request, ask, question)
}

/**
 * Asks the master links about `request.user`, who gave the password and wants to become `requestedLoginUser`. The first
 * master that says ok makes it so: with `continue` rules the normal links, from their first, are asked about the login
 * user next; with `return-ok` nobody checks that the login user exists. A master that says no hands over to the
 * next master only. In the outcome `masterUser` is set if the master's password was right.
 */
export async function walkMasters(chain: PassdbChain, request: AuthRequest, ask: Ask): Promise<ChainOutcome> {
  if (chain.masters.length === 0)
    return unasked(request, 'user_unknown', 'Master login without master passdbs')
  const outcome = await walk(chain, chain.masters, request, ask, 'verify')
  if (outcome.result !== 'ok') return outcome
  if (outcome.request.requestedLoginUser !== undefined) {
    // Rules like result_failure=continue-ok can say yes although no master did. Dovecot then logs in the master.
    return { ...outcome, result: 'password_mismatch', reason: 'No master passdb accepted the master user' }
  }
  const limit = outcome.limits && checkMasterDomain(outcome.limits, outcome.request.user)
  if (limit === undefined) return outcome
  return 'malformed' in limit
    ? { ...outcome, result: 'internal_failure', reason: limit.malformed }
    : { ...outcome, result: 'user_unknown', reason: limit.refused }
}

/** Where a walk stands: what the links so far have left, and which one is next. */
interface Walk {
  readonly chain: PassdbChain
  readonly ask: Ask
  readonly question: ChainQuestion
  readonly trace: TraceStep[]
  links: readonly ChainedPassdb[]
  at: number
  request: AuthRequest
  state: ChainState
  failure: PassdbReply | undefined
  limits: ExtraFields | undefined
}

function walk(
  chain: PassdbChain,
  links: readonly ChainedPassdb[],
  request: AuthRequest,
  ask: Ask,
  question: ChainQuestion,
): ChainOutcome | Promise<ChainOutcome> {
  const state = startState(
    { user: request.user, loginUser: request.requestedLoginUser, fields: noFields },
    request.skipPasswordCheck === true,
  )
  const at = nextLink(links, 0, request, state, question)
  if (at === links.length) return unasked(request, 'internal_failure', 'All password databases were skipped')
  const trace: TraceStep[] = []
  return goOn({
    chain,
    ask,
    question,
    trace,
    links,
    at,
    request,
    state,
    failure: undefined,
    limits: undefined,
  })
}

/** Asks one link after the other; what all of them know at once comes without a promise. */
function goOn(walk: Walk): ChainOutcome | Promise<ChainOutcome> {
  for (let configured = walk.links[walk.at]; configured !== undefined; configured = walk.links[walk.at]) {
    const { link, harm } = forRequest(configured, walk.request)
    const known = setDefaultFields(walk.state, link)
    const asked =
      harm === undefined
        ? walk.ask(link, renamed(walk.request, known), walk.state.passwordVerified, known.fields)
        : unusable(harm)
    if (asked instanceof Promise) return asked.then(later => takeUp(walk, link, later) ?? goOn(walk))
    const outcome = takeUp(walk, link, asked)
    if (outcome) return outcome
  }
  throw new Error('a walk has gone past its last link')
}

/** What the link's answer makes of the walk: its outcome, or undefined and the next link. */
function takeUp(walk: Walk, link: ChainedPassdb, asked: Asked): ChainOutcome | undefined {
  const { reply } = asked
  walk.trace.push(traceStep(link, asked))
  if (reply.result === 'internal_failure') walk.failure = reply

  const step = applyResultRule(walk.state, link, reply)
  walk.state = step.state
  if (link.master && step.linkResult === 'ok') becomeLoginUser(walk)
  else {
    walk.request = renamed(walk.request, walk.state)
    walk.at = nextLink(walk.links, walk.at + 1, walk.request, walk.state, walk.question)
  }
  if (step.goOn && walk.at < walk.links.length) return undefined
  const { linkResult } = step
  const result = step.goOn ? finalResult(walk.state, linkResult) : step.result
  const { question, request, state, trace, failure, limits } = walk
  // Named one by one: with a spread V8 makes a new hidden class for each walk.
  return outcomeOf(question, { request, state, linkResult, result, reply, failure, trace, limits })
}

/** The master has become the login user, about whom the normal links are asked from their first. */
function becomeLoginUser(walk: Walk): void {
  const { chain, state } = walk
  walk.request = asLoginUser(walk.request, state)
  walk.limits = state.fields
  walk.state = {
    ...state,
    user: walk.request.user,
    loginUser: undefined,
    fields: withoutFields(state.fields, limitFields),
  }
  walk.links = chain.links
  walk.at = nextLink(walk.links, 0, walk.request, walk.state, walk.question)
}

/** The link with its own fields made for this request, or why they cannot be made. */
function forRequest(link: ChainedPassdb, request: AuthRequest): { link: ChainedPassdb; harm?: string } {
  const own = link.expandFor?.(request)
  if (own === undefined) return { link }
  return 'harm' in own ? { link, harm: own.harm } : { link: { ...link, ...own } }
}

function unusable(reason: string): Asked {
  return { reply: { result: 'internal_failure', reason }, cache: 'none', ms: 0 }
}

/** Where the next link stands that wants to be asked; past the end if none does. */
function nextLink(
  links: readonly ChainedPassdb[],
  from: number,
  request: AuthRequest,
  state: ChainState,
  question: ChainQuestion,
): number {
  const mechanism = question === 'verify' ? (request.mechanism ?? PLAIN) : request.mechanism
  let at = from
  for (let link = links[at]; link !== undefined; link = links[at]) {
    if (acceptsMechanism(link.mechanisms, mechanism) && !isSkipped(link, request, state)) break
    at++
  }
  return at
}

function isSkipped(link: ChainedPassdb, request: AuthRequest, state: ChainState): boolean {
  if (link.usernameFilter !== undefined && !acceptsUsername(link.usernameFilter, request.user)) return true
  if (link.skip === 'never') return false
  return (link.skip === 'authenticated') === state.passwordVerified
}

/** The master has become the login user; what the master's passdb set stays. */
function asLoginUser(request: AuthRequest, state: ChainState): AuthRequest {
  const user = state.loginUser ?? request.requestedLoginUser ?? request.user
  return requestOfMaster(request, state.user, user)
}

function renamed(request: AuthRequest, { user, loginUser }: NamedFields): AuthRequest {
  if (request.user === user && request.requestedLoginUser === loginUser) return request
  return renamedRequest(request, user, loginUser)
}

function traceStep(link: ChainedPassdb, { reply, cache, ms, staleReason }: Asked): TraceStep {
  const reason = staleReason ?? ('reason' in reply ? reply.reason : undefined)
  return { passdb: link.name, driver: link.passdb.driver, result: reply.result, cache, ms, reason }
}
