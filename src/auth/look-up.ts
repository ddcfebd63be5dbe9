// The one place where a passdb is asked, and where an exception of a driver becomes `internal_failure`.

import type { AuthRequest } from '../model/auth-request.js'
import { type ExtraFields, noFields } from '../model/extra-fields.js'
import type { PassdbLookup } from '../model/passdb.js'
import type { ChainedPassdb } from './chained-passdb.js'
import { setLinkFields } from './link-fields.js'

export interface LookedUp {
  readonly found: PassdbLookup
  /** What this link alone says, its default and override fields included; empty unless it found the user. */
  readonly fields: ExtraFields
  /**
   * The same without the override fields, which are set after the password was looked at: `nopassword` and
   * `noauthenticate` there come too late (measured on 2.3.19 and 2.4.1).
   */
  readonly fieldsBeforePassword: ExtraFields
}

/** Asks the database behind a link. Never throws: trouble there is never "no such user". */
export async function lookUp(link: ChainedPassdb, request: AuthRequest): Promise<LookedUp> {
  let found: PassdbLookup
  try {
    found = await link.passdb.lookup(request)
  } catch (cause) {
    return nothing({ result: 'internal_failure', reason: 'the passdb driver failed', cause })
  }
  if (found.result !== 'ok') return nothing(found)
  if (link.defaultFields.length === 0 && link.overrideFields.length === 0) {
    return { found, fields: found.fields, fieldsBeforePassword: found.fields }
  }
  const before = { user: request.user, loginUser: undefined, fields: noFields }
  const withoutOverrides = { ...link, overrideFields: [] }
  return {
    found,
    fields: setLinkFields(before, link, found.fields).fields,
    fieldsBeforePassword: setLinkFields(before, withoutOverrides, found.fields).fields,
  }
}

function nothing(found: PassdbLookup): LookedUp {
  return { found, fields: noFields, fieldsBeforePassword: noFields }
}
