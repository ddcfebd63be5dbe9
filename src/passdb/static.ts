// Everybody, with one password or none: for a backend behind its proxy, a last link that only adds fields, or a test.

import type { Static } from 'typebox'
import type { AuthRequest } from '../model/auth-request.js'
import { ConfigError } from '../model/config-error.js'
import { mergeFields, noFields, parseFieldSetting } from '../model/extra-fields.js'
import { withoutUntrueFlags } from '../model/field-firewall.js'
import type { Passdb, PassdbLookup } from '../model/passdb.js'
import { findPathHarm } from '../model/safe-path.js'
import { secret, settings, table, yesNo } from '../model/setting.js'
import { compileTemplate, type Template } from '../model/variables.js'
import type { PassdbDriver } from './passdb-driver.js'

const options = settings({
  password: secret(
    'The password of everybody, as it stands: {PLAIN} unless it has a {SCHEME}; % is just a %.',
  ),
  nopassword: yesNo(
    'Any password is right: somebody else must be the judge, a proxied backend for example.',
    false,
  ),
  fields: table('The fields of everybody, name = value, with variables: host = "%d.backend.example".'),
})

export const staticDriver: PassdbDriver<typeof options> = {
  options,
  async open(given, deps) {
    checkPassword(given, deps.name)
    const templates = fieldTemplates(given, deps.name)
    const nopassword = given.nopassword ? new Map([['nopassword', 'y']]) : noFields
    const secret = given.password === '' ? {} : { credentials: { stored: withScheme(given.password) } }

    const passdb: Passdb = {
      driver: 'static',
      async lookup(request) {
        const found = expandFields(templates, request)
        return found.result === 'ok'
          ? { ...found, fields: mergeFields(found.fields, nopassword), ...secret }
          : found
      },
    }
    return passdb
  },
}

function checkPassword({ password, nopassword, fields }: Static<typeof options>, name: string): void {
  for (const key of Object.keys(fields)) {
    const field = parseFieldSetting(key, '').name
    if (field === 'password' || field === 'nopassword') {
      throw new ConfigError(`passdb ${name}: ${field} is a setting of its own, beside fields`)
    }
  }
  if (password !== '' && nopassword) {
    throw new ConfigError(`passdb ${name}: password and nopassword contradict each other, give one of them`)
  }
}

/** The scheme is not the chain's default one: a static password is clear text (auth/passdb-static.c, 2.3.19). */
function withScheme(password: string): string {
  return /^\{[^}]+\}/.test(password) ? password : `{PLAIN}${password}`
}

interface FieldTemplate {
  readonly key: string
  readonly value: Template
}

function fieldTemplates({ fields }: Static<typeof options>, name: string): readonly FieldTemplate[] {
  return Object.entries(fields).map(([key, value]) => {
    return { key, value: compileTemplate(value, `passdb ${name}: fields.${key}`) }
  })
}

/** The fields with their variables filled in; those that are flags and say no are absent. */
function expandFields(templates: readonly FieldTemplate[], request: AuthRequest): PassdbLookup {
  for (const { key, value } of templates) {
    const harm = key.startsWith('userdb_') ? findPathHarm(value, request) : undefined
    const reason = `${key} of ${JSON.stringify(request.user)} ${harm}`
    if (harm !== undefined) return { result: 'internal_failure', reason }
  }
  const fields = new Map(templates.map(({ key, value }) => [key, value.expand(request)]))
  return { result: 'ok', fields: withoutUntrueFlags(fields) }
}
