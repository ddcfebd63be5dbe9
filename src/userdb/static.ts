// Everybody has the same uid and gid, and a home that is named after them.

import type { Static } from 'typebox'
import type { AuthRequest } from '../model/auth-request.js'
import { ConfigError } from '../model/config-error.js'
import { findPathHarm } from '../model/safe-path.js'
import { settings, table, text, yesNo } from '../model/setting.js'
import type { Userdb, UserdbLookup } from '../model/userdb.js'
import { compileTemplate, requestVariables, type Template, templateFault } from '../model/variables.js'
import type { UserdbDriver } from './userdb-driver.js'

const template = { check: (value: string) => templateFault(value, requestVariables) }

const options = settings({
  uid: text(
    'The uid or the name of the account that owns the mail. Empty: Dovecot’s mail_uid.',
    '',
    template,
  ),
  gid: text('The gid or the name of its group. Empty: Dovecot’s mail_gid.', '', template),
  home: text('The home, with variables: /srv/mail/%d/%n. Empty: none.', '', template),
  fields: table('Further fields, name = value, with variables.'),
  allow_all_users: yesNo(
    'Believe that every name is a user. Without it a lookup outside a login first asks the passdbs for the user.',
    false,
  ),
})

export const staticDriver: UserdbDriver<typeof options> = {
  options,
  async open(given, { name }) {
    const templates = fieldTemplates(given, name)
    const userdb: Userdb = {
      driver: 'static',
      knowsEveryName: !given.allow_all_users,
      lookup: async request => expandFields(templates, request),
    }
    return userdb
  },
}

function fieldTemplates(given: Static<typeof options>, name: string): ReadonlyMap<string, Template> {
  const { uid, gid, home, fields } = given
  if (home !== '' && !home.startsWith('/')) {
    throw new ConfigError(`userdb ${name}: home: "${home}" must begin with /`)
  }
  const all = Object.entries({ uid, gid, home, ...fields }).filter(([, value]) => value !== '')
  return new Map(all.map(([key, value]) => [key, compileTemplate(value, `userdb ${name}: ${key}`)]))
}

function expandFields(templates: ReadonlyMap<string, Template>, request: AuthRequest): UserdbLookup {
  const fields = new Map<string, string>()
  for (const [key, value] of templates) {
    const harm = findPathHarm(value, request)
    if (harm)
      return { result: 'internal_failure', reason: `${key} of ${JSON.stringify(request.user)} ${harm}` }
    fields.set(key, value.expand(request))
  }
  return { result: 'ok', fields }
}
