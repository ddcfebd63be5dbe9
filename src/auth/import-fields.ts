// Lists of fields in one field: `passdb_import`, `userdb_userdb_import`, `userdb_import`. Taken apart here, so that every
// field in them goes through the rules and the firewall as if it had stood alone; Dovecot never sees a list.
// Source: auth-request.c:auth_request_set_field, auth_request_passdb_import, auth_request_userdb_import, 2.3.19.

import type { ExtraFields } from '../model/extra-fields.js'
import { withoutUntrueFlags } from '../model/field-firewall.js'

/** List → what its fields' names begin with. `userdb_import` of a passdb is none: Dovecot makes a field `import` of it. */
const passdbLists: Readonly<Record<string, string>> = { passdb_import: '', userdb_userdb_import: 'userdb_' }
const userdbLists: Readonly<Record<string, string>> = { userdb_import: '' }

/** What a passdb said, its lists taken apart in their place. A list that may not be stays, and the firewall stops it. */
export function importPassdbFields(fields: ExtraFields): ExtraFields {
  return importLists(fields, passdbLists)
}

/** The same for a userdb. */
export function importUserdbFields(fields: ExtraFields): ExtraFields {
  return importLists(fields, userdbLists)
}

function importLists(fields: ExtraFields, lists: Readonly<Record<string, string>>): ExtraFields {
  if (!Object.keys(lists).some(name => fields.has(name))) return fields
  const imported = new Map<string, string>()
  for (const [name, value] of fields) {
    const prefix = Object.hasOwn(lists, name) ? lists[name] : undefined
    const listed = prefix === undefined ? undefined : fieldsIn(value, prefix)
    if (listed === undefined) imported.set(name, value)
    else for (const [key, text] of listed) imported.set(key, text)
  }
  return withoutUntrueFlags(imported)
}

/** A list in a list, and a password beside the one that is compared, hide more than they say. */
const neverListed = new Set([
  'passdb_import',
  'userdb_import',
  'userdb_userdb_import',
  'password',
  'password_noscheme',
])

/** `key=value` and `key` alone, which is true, between TABs. Undefined when one of them may not be in a list. */
function fieldsIn(list: string, prefix: string): [string, string][] | undefined {
  const fields = list
    .split('\t')
    .filter(field => field !== '')
    .map((field): [string, string] => {
      const equals = field.indexOf('=')
      return equals < 0 ? [field, 'y'] : [field.slice(0, equals), field.slice(equals + 1)]
    })
  if (fields.some(([key]) => neverListed.has(key.replace(/:.*$/, '')))) return undefined
  return fields.map(([key, value]) => [prefix + key, value])
}
