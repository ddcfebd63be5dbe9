// `default_fields` and `override_fields` with variables in them: `userdb_home = "/var/vmail/%d/%n"`.
// Dovecot expands them for each request (passdb-template.c, userdb-template.c, 2.3.19).

import type { AuthRequest } from '../model/auth-request.js'
import { type FieldSetting, parseFieldSetting } from '../model/extra-fields.js'
import { findPathHarm } from '../model/safe-path.js'
import { compileTemplate, type Template } from '../model/variables.js'

/** The fields that a link sets by itself, ready to be set. */
export interface OwnFields {
  readonly defaultFields: readonly FieldSetting[]
  readonly overrideFields: readonly FieldSetting[]
}

/** A link's own fields: the same for everybody, or made for each request. */
export interface LinkFields extends OwnFields {
  /** Absent: no variable stands in them. `harm` says why the fields of this request must not be used. */
  readonly expandFor?: (request: AuthRequest) => OwnFields | { readonly harm: string }
}

interface FieldTemplate {
  readonly setting: FieldSetting
  readonly template: Template
}

/**
 * Compiles both tables of a passdb or userdb; `where` says in messages whose they are. Throws ConfigError for an
 * unknown variable. A user name that would choose another directory than the template means is harm.
 */
export function compileLinkFields(
  defaults: Readonly<Record<string, string>>,
  overrides: Readonly<Record<string, string>>,
  where: string,
): LinkFields {
  const compiled = {
    defaultFields: compileFields(defaults, `${where}: default_fields`),
    overrideFields: compileFields(overrides, `${where}: override_fields`),
  }
  const literal = {
    defaultFields: compiled.defaultFields.map(({ setting }) => setting),
    overrideFields: compiled.overrideFields.map(({ setting }) => setting),
  }
  const all = [...compiled.defaultFields, ...compiled.overrideFields]
  if (all.every(({ template }) => template.variables.length === 0)) return literal
  return {
    ...literal,
    expandFor: request => {
      for (const { setting, template } of all) {
        const harm = setting.value.includes('/') ? findPathHarm(template, request) : undefined
        if (harm !== undefined) return { harm: `the field ${setting.name} ${harm}` }
      }
      return {
        defaultFields: compiled.defaultFields.map(field => expand(field, request)),
        overrideFields: compiled.overrideFields.map(field => expand(field, request)),
      }
    },
  }
}

function compileFields(fields: Readonly<Record<string, string>>, where: string): FieldTemplate[] {
  return Object.entries(fields).map(([key, value]) => ({
    setting: parseFieldSetting(key, value),
    template: compileTemplate(value, `${where}.${key}`),
  }))
}

function expand({ setting, template }: FieldTemplate, request: AuthRequest): FieldSetting {
  return { ...setting, value: template.expand(request) }
}
