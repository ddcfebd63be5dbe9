// The one place where a passdb is asked, through the auth cache if there is one, and where an exception of a driver becomes `internal_failure`.

import type { AuthCache, CachedLookup } from '../cache/auth-cache.js'
import { andThen } from '../model/and-then.js'
import type { AuthRequest } from '../model/auth-request.js'
import { type ExtraFields, noFields } from '../model/extra-fields.js'
import type { PassdbLookup } from '../model/passdb.js'
import type { ChainedPassdb } from './chained-passdb.js'
import { importPassdbFields } from './import-fields.js'
import { setLinkFields } from './link-fields.js'

export interface LookedUp extends CachedLookup {
  /** What this link alone says, its default and override fields included; empty unless it found the user. */
  readonly fields: ExtraFields
  /**
   * The same without the override fields, which are set after the password was looked at: `nopassword` and
   * `noauthenticate` there come too late (measured on 2.3.19 and 2.4.1).
   */
  readonly fieldsBeforePassword: ExtraFields
}

/** How a link is asked. */
export interface LookUpOptions {
  readonly cache: AuthCache | undefined
  readonly asked: 'verify' | 'lookup'
  /** Past the entry that is in the cache. */
  readonly again?: boolean
}

/**
 * Asks the database behind a link; what is cached, or in an embedded database, comes at once, without a promise. Never
 * throws: trouble there is never "no such user".
 */
export function lookUp(
  link: ChainedPassdb,
  request: AuthRequest,
  options: LookUpOptions,
): LookedUp | Promise<LookedUp> {
  return andThen(lookUpCached(link, request, options), looked => withFields(link, request, looked))
}

function withFields(link: ChainedPassdb, request: AuthRequest, looked: CachedLookup): LookedUp {
  // Named one by one: a spread of objects with different keys costs as much as the cache itself.
  const { found, cache, password, failure, isOlder } = withImports(looked)
  if (found.result !== 'ok') {
    return { found, cache, password, failure, isOlder, fields: noFields, fieldsBeforePassword: noFields }
  }
  if (link.defaultFields.length === 0 && link.overrideFields.length === 0) {
    const { fields } = found
    return { found, cache, password, failure, isOlder, fields, fieldsBeforePassword: fields }
  }
  const before = { user: request.user, loginUser: undefined, fields: noFields }
  const withoutOverrides = { ...link, overrideFields: [] }
  return {
    found,
    cache,
    password,
    failure,
    isOlder,
    fields: setLinkFields(before, link, found.fields).fields,
    fieldsBeforePassword: setLinkFields(before, withoutOverrides, found.fields).fields,
  }
}

function withImports(looked: CachedLookup): CachedLookup {
  const { found } = looked
  if (found.result !== 'ok') return looked
  const fields = importPassdbFields(found.fields)
  return fields === found.fields ? looked : { ...looked, found: { ...found, fields } }
}

/** A deny link is a lock, and what locks must bite at once: it is never cached. */
function lookUpCached(
  { name, passdb, deny }: ChainedPassdb,
  request: AuthRequest,
  { cache, asked, again = false }: LookUpOptions,
): CachedLookup | Promise<CachedLookup> {
  const failed = (cause: unknown): CachedLookup => ({ found: driverFailed(cause), cache: 'none' })
  try {
    const looked =
      cache === undefined || deny
        ? andThen(passdb.lookup(request), (found): CachedLookup => ({ found, cache: 'none' }))
        : cache.lookup({ name, passdb, request, asked, again })
    return looked instanceof Promise ? looked.catch(failed) : looked
  } catch (cause) {
    return failed(cause)
  }
}

function driverFailed(cause: unknown): PassdbLookup {
  return { result: 'internal_failure', reason: 'the passdb driver failed', cause }
}

/** For the trace: why an expired entry answered. */
export function staleReason({ failure }: CachedLookup): string | undefined {
  if (failure === undefined) return undefined
  const { reason, cause } = failure
  const why = reason ?? (cause instanceof Error ? cause.message : String(cause))
  return `Falling back to expired data from cache: ${why}`
}
