// What one link's fields do to the request: its names and its extra fields, set one after the other as
// Dovecot sets them (auth-request.c:auth_request_set_field, auth_request_try_update_username, 2.3.19).

import { type ExtraFields, type FieldSetting, mergeFields, parseFieldSetting } from '../model/extra-fields.js'
import type { LinkRules } from './chained-passdb.js'

/** Who is being looked up, and what is known about them so far. */
export interface NamedFields {
  readonly user: string
  /** Set during a master login: whom the master wants to become. */
  readonly loginUser: string | undefined
  readonly fields: ExtraFields
}

export interface SetFields extends NamedFields {
  /** A field wanted to make the name empty; the lookup counts as failed. */
  readonly failed: boolean
}

const names = ['user', 'username', 'domain'] as const
type NameField = (typeof names)[number]

/** Dovecot reads `userdb_user` and its like as names already when the passdb says them. */
const nameFields: ReadonlyMap<string, NameField> = new Map([
  ...names.map(name => [name, name] as const),
  ...names.map(name => [`userdb_${name}`, name] as const),
])

/** Fields that act inside the engine; nobody outside sees them. */
export const innerFields: readonly string[] = [...names, 'login_user', 'nopassword', 'noauthenticate']

/**
 * The name after `user` (replaces it), `username` (replaces what stands before the `@`, unless it has one itself)
 * or `domain` (replaces or adds what stands after it). An empty value gives no name.
 */
export function renameUser(user: string, field: NameField, value: string): string | undefined {
  if (value === '') return undefined
  const at = user.indexOf('@')
  if (field === 'user' || (field === 'username' && value.includes('@'))) return value
  if (field === 'username') return at < 0 ? value : value + user.slice(at)
  return at < 0 ? `${user}@${value}` : user.slice(0, at + 1) + value
}

/** What is known when the link is asked: `default_fields` are set before the lookup, and can rename the user. */
export function setDefaultFields(before: NamedFields, link: LinkRules): NamedFields {
  return link.defaultFields.length === 0 ? before : setFields(before, link.defaultFields)
}

/** `default_fields`, then what the lookup found, then `override_fields`, each laid upon what was known before. */
export function setLinkFields(before: NamedFields, link: LinkRules, found: ExtraFields): SetFields {
  const { user, loginUser } = before
  if (isPlain(link, found)) {
    return { user, loginUser, fields: mergeFields(before.fields, found), failed: false }
  }
  const foundSettings = Array.from(found, ([key, value]) => parseFieldSetting(key, value))
  return setFields(before, [...link.defaultFields, ...foundSettings, ...link.overrideFields])
}

function setFields({ user, loginUser, fields }: NamedFields, settings: readonly FieldSetting[]): SetFields {
  const draft: Draft = { user, loginUser, fields: new Map(fields), failed: false }
  for (const setting of settings) setField(draft, setting)
  return draft
}

function isPlain(link: LinkRules, found: ExtraFields): boolean {
  if (link.defaultFields.length > 0 || link.overrideFields.length > 0) return false
  for (const name of found.keys()) {
    if (name === 'login_user' || name.includes(':') || nameFields.has(name)) return false
  }
  return true
}

interface Draft {
  user: string
  loginUser: string | undefined
  fields: Map<string, string>
  failed: boolean
}

function setField(draft: Draft, { name, value, mode }: FieldSetting): void {
  if (mode === 'remove') {
    draft.fields.delete(name)
    return
  }
  if (mode === 'if-unset' && draft.fields.has(name)) return
  const nameField = nameFields.get(name)
  if (nameField !== undefined) rename(draft, nameField, value)
  if (name === 'login_user' && draft.loginUser !== undefined) draft.loginUser = value
  // A userdb_ name has done its work once it was read; it is no field of the user database.
  if (nameField === undefined || nameField === name) draft.fields.set(name, value)
}

function rename(draft: Draft, field: NameField, value: string): void {
  const user = renameUser(draft.user, field, value)
  if (user === undefined) draft.failed = true
  else draft.user = user
}
