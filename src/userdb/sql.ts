// uid, gid, home and further fields from a table; and all its users by name.

import type { AccountColumns, AccountRow } from '../database/account-table.js'
import { ConfigError } from '../model/config-error.js'
import type { ExtraFields } from '../model/extra-fields.js'
import { withoutUntrueFlags } from '../model/field-firewall.js'
import { settings, table, text, url, yesNo } from '../model/setting.js'
import type { Userdb, UserdbLookup } from '../model/userdb.js'
import type { UserdbDriver } from './userdb-driver.js'

const options = settings({
  database_url: url('The database of this userdb. Empty: the one of the whole service.', ''),
  table: text(
    'local_users, proxy_users, or a table of your own; then columns says what is what.',
    'local_users',
  ),
  columns: table(
    'Which column is what, role = column: user, domain (when the name stands in two columns), uid, gid, home. ' +
      'Any other role is a field of that name; "" drops a role.',
  ),
  list_only: yesNo(
    'Its users are listed, and yet unknown to a lookup: proxied users, who have their mail elsewhere.',
    false,
  ),
})

export const sql: UserdbDriver<typeof options> = {
  options,
  async open(given, deps) {
    const columns = userColumns(deps.name, given.table, given.columns)
    const database = deps.databases.open(given.database_url || deps.defaultDatabaseUrl)
    const normalise = deps.usernameRules.normaliseStored
    const accounts = database.accountTable({ table: given.table, columns, normalise })
    const fieldRoles = Object.keys(columns).filter(role => role !== 'user' && role !== 'domain')
    if (given.table === 'proxy_users' && !given.list_only) {
      throw new ConfigError(`userdb ${deps.name}: proxied users have no mail here: set list_only = true`)
    }

    const lookup: Userdb['lookup'] = async (request, signal): Promise<UserdbLookup> => {
      const account = await accounts.find(request.user, signal)
      if (account.found === 'none') return { result: 'user_unknown' }
      if (account.found === 'one') return { result: 'ok', fields: fieldsOf(account.row, fieldRoles) }
      if (account.found === 'error') return { result: 'internal_failure', cause: account.cause }
      const user = JSON.stringify(request.user)
      return { result: 'internal_failure', reason: `${given.table}: several rows are the user ${user}` }
    }
    const userdb: Userdb = {
      driver: 'sql',
      ...(!given.list_only && { cacheKey: [] }),
      lookup: given.list_only ? async () => ({ result: 'user_unknown' }) : lookup,
      list: mask => accounts.list(mask),
    }
    return userdb
  },
}

const knownTables: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map([
  ['local_users', { user: 'username', uid: 'uid', gid: 'gid', home: 'home' }],
  ['proxy_users', { user: 'username' }],
])

/** What a passdb may read and a userdb must not tell. */
const passdbRoles = ['password', 'password_noscheme', 'pass', 'nopassword', 'active']

/** The known columns of a known table, with the given ones laid upon them. Throws ConfigError when there is no user. */
function userColumns(
  userdb: string,
  tableName: string,
  given: Readonly<Record<string, string>>,
): AccountColumns {
  const roles = Object.entries({ ...knownTables.get(tableName), ...given }).filter(
    ([, column]) => column !== '',
  )
  for (const [role] of roles) {
    if (!/^[A-Za-z0-9_]{1,64}$/.test(role) || passdbRoles.includes(role)) {
      throw new ConfigError(`userdb ${userdb}: columns: ${JSON.stringify(role)} can be no field of a userdb`)
    }
  }
  const { user, ...others } = Object.fromEntries(roles)
  if (user === undefined) {
    throw new ConfigError(
      `userdb ${userdb}: columns must say which column of ${tableName} is the user ` +
        `(known without it: ${[...knownTables.keys()].join(', ')})`,
    )
  }
  return { ...others, user }
}

/** NULL is absent, and so is the empty text: an empty home would be the root of all. A flag is there only when it is true. */
function fieldsOf(row: AccountRow, roles: readonly string[]): ExtraFields {
  const fields = new Map<string, string>()
  for (const role of roles) {
    const value = row.values[role] ?? ''
    if (value !== '') fields.set(role, String(value))
  }
  return withoutUntrueFlags(fields)
}
