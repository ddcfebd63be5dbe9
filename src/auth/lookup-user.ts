// The userdb chain: where is this user's mail, and as whom is it read?
// Source: auth-request.c:auth_request_userdb_callback, Dovecot 2.3.19 and 2.4.1.

import type { AuthCache, CachedLookup } from '../cache/auth-cache.js'
import type { TraceStep } from '../model/auth-event.js'
import type { AuthRequest } from '../model/auth-request.js'
import type { Clock } from '../model/clock.js'
import { applyFieldSettings, type ExtraFields, mergeFields, noFields } from '../model/extra-fields.js'
import type { UserdbLookup, UserdbResult } from '../model/userdb.js'
import type { ResultRule } from './chained-passdb.js'
import type { ChainedUserdb } from './chained-userdb.js'
import type { OwnFields } from './field-templates.js'
import { importUserdbFields } from './import-fields.js'
import { staleReason } from './look-up.js'

export interface UserdbWalk {
  readonly result: UserdbResult
  readonly fields: ExtraFields
  readonly trace: readonly TraceStep[]
  readonly reason?: string
  readonly cause?: unknown
  /** With `tempfail`: what the user may be told. */
  readonly reasonField?: string
}

/** Whether the passdbs know the user; asked for a userdb that would know any name. */
export type PassdbsKnow = (request: AuthRequest) => Promise<UserdbResult>

/** Walks the userdbs. A user is unknown only when every userdb that was asked said so. */
export async function walkUserdbs(
  links: readonly ChainedUserdb[],
  request: AuthRequest,
  passdbsKnow: PassdbsKnow,
  clock: Clock,
  cache?: AuthCache,
): Promise<UserdbWalk> {
  const trace: TraceStep[] = []
  let fields = noFields
  let success = false
  let failure: { reason?: string; cause?: unknown } | undefined

  for (const link of links) {
    if (skips(link, success)) continue
    const startedAt = clock.now()
    const own = link.expandFor?.(request) ?? link
    const asked: Asked =
      'harm' in own
        ? uncached({ result: 'internal_failure', reason: own.harm })
        : await lookup(link, request, passdbsKnow, cache)
    const { found } = asked
    trace.push(step(link, asked, clock.now() - startedAt))
    if (found.result === 'internal_failure') failure ??= found
    if (found.result === 'ok' && !('harm' in own))
      fields = acceptedFields(own, fields, importUserdbFields(found.fields))
    const rule = ruleFor(link, found.result)
    success = successAfter(rule, success)
    if (rule.startsWith('return')) {
      // `return-fail` is a refusal even if an earlier userdb found the user.
      break
    }
  }
  if (success && !fields.has('tempfail')) return { result: 'ok', fields, trace }
  if (fields.has('tempfail')) return { ...temporary(fields.get('reason')), trace }
  if (failure) return { result: 'internal_failure', fields: noFields, trace, ...failureDetails(failure) }
  return { result: 'user_unknown', fields: noFields, trace }
}

function skips(link: ChainedUserdb, success: boolean): boolean {
  return link.skip === 'found' ? success : link.skip === 'notfound' ? !success : false
}

/** What a userdb said, and the cache's part in it. */
interface Asked {
  readonly found: UserdbLookup
  readonly cache: CachedLookup['cache']
  readonly staleReason?: string | undefined
}

const uncached = (found: UserdbLookup): Asked => ({ found, cache: 'none' })

async function lookup(
  { name, userdb }: ChainedUserdb,
  request: AuthRequest,
  passdbsKnow: PassdbsKnow,
  cache: AuthCache | undefined,
): Promise<Asked> {
  try {
    if (userdb.knowsEveryName) {
      const known = await passdbsKnow(request)
      if (known !== 'ok')
        return uncached({ result: known, reason: 'asked the passdbs whether the user exists' })
    }
    if (cache === undefined || userdb.cacheKey === undefined) return uncached(await userdb.lookup(request))
    const question = { kind: 'U', name, passdb: userdb, request, asked: 'lookup' } as const
    return fromCache(await cache.lookup(question))
  } catch (cause) {
    return uncached({ result: 'internal_failure', reason: 'the userdb driver failed', cause })
  }
}

/** A userdb has three words; and "no such user" counts only from a database that answered. */
function fromCache(looked: CachedLookup): Asked {
  const { found, cache, failure } = looked
  if (found.result === 'ok') return { found, cache, staleReason: staleReason(looked) }
  if (found.result === 'user_unknown' && cache !== 'stale')
    return { found: { result: 'user_unknown' }, cache }
  const trouble = found.result === 'internal_failure' ? found : failure
  return { found: { result: 'internal_failure', ...(trouble && failureDetails(trouble)) }, cache }
}

function acceptedFields(link: OwnFields, soFar: ExtraFields, found: ExtraFields): ExtraFields {
  const withDefaults = applyFieldSettings(soFar, link.defaultFields)
  return applyFieldSettings(mergeFields(withDefaults, found), link.overrideFields)
}

function ruleFor(link: ChainedUserdb, result: UserdbResult): ResultRule {
  if (result === 'ok') return link.resultSuccess
  return result === 'internal_failure' ? link.resultInternalfail : link.resultFailure
}

function successAfter(rule: ResultRule, success: boolean): boolean {
  if (rule.endsWith('-ok')) return true
  return rule.endsWith('-fail') ? false : success
}

function temporary(reason: string | undefined) {
  return {
    result: 'internal_failure' as const,
    fields: noFields,
    reason: reason ?? 'the tempfail field is set',
    ...(reason !== undefined && { reasonField: reason }),
  }
}

function failureDetails({ reason, cause }: { reason?: string; cause?: unknown }) {
  return { ...(reason === undefined ? {} : { reason }), ...(cause === undefined ? {} : { cause }) }
}

function step(link: ChainedUserdb, { found, cache, staleReason }: Asked, ms: number): TraceStep {
  const reason = staleReason ?? (found.result === 'ok' ? undefined : found.reason)
  return {
    passdb: link.name,
    driver: link.userdb.driver,
    result: found.result,
    cache,
    ms,
    ...(reason === undefined ? {} : { reason }),
  }
}
