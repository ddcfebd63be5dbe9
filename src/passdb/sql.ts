// Accounts in a table of MariaDB, MySQL or SQLite: local users, master users, or users that live on another server.

import type { Static } from 'typebox'
import type { AccountColumns, AccountRow } from '../database/account-table.js'
import { andThen } from '../model/and-then.js'
import type { AuthRequest } from '../model/auth-request.js'
import { type ExtraFields, noFields } from '../model/extra-fields.js'
import { withoutUntrueFlags } from '../model/field-firewall.js'
import type { Passdb, PassdbLookup } from '../model/passdb.js'
import { choice, settings, table, text, url, yesNo } from '../model/setting.js'
import { readTruth } from '../model/truth.js'
import { type ProxyOptions, proxyFields, proxyRoles } from '../routing/proxy-fields.js'
import { accountColumns } from './account-columns.js'
import type { PassdbDriver } from './passdb-driver.js'

const options = settings({
  database_url: url('The database of this passdb. Empty: the one of the whole service.', ''),
  table: text(
    'proxy_users, local_users, master_users, or a table of your own; then columns says what is what.',
  ),
  columns: table(
    'Which column is what, role = column: user, domain (when the name stands in two columns), password, active, ' +
      'home, uid, gid; host makes it a proxy table, with port, pop3_port, ssl_mode, destuser and so on. ' +
      'Any other role is an extra field of that name; "" drops a role.',
  ),
  proxy_certificates: choice(
    'Whether a backend must show a certificate that verifies. any-cert lets whoever stands between read passwords.',
    ['verify', 'any-cert'],
    'verify',
  ),
  proxy_maybe: yesNo(
    'Whether a backend that is the asking proxy itself means a mailbox there (auth_proxy_self), instead of a loop. Its users ' +
      'need a password here.',
    false,
  ),
  proxy_nopipelining: yesNo('Send a proxied client’s commands to its backend one by one.', true),
})

export const sql: PassdbDriver<typeof options> = {
  options,
  async open(given, deps) {
    const columns = accountColumns(deps.name, given.table, given.columns)
    const database = deps.databases.open(given.database_url || deps.defaultDatabaseUrl)
    const normalise = deps.usernameRules.normaliseStored
    const accounts = database.accountTable({ table: given.table, columns, normalise })
    const read = accountReader(given, columns)

    const passdb: Passdb = {
      driver: 'sql',
      routes: columns.host !== undefined,
      // The port of a backend is another one for each protocol.
      cacheKey: columns.host === undefined ? [] : ['protocol'],
      lookup: (request, signal) =>
        andThen(accounts.find(request.user, signal), account => {
          if (account.found === 'none') return userUnknown
          if (account.found === 'one') return read(account.row, request)
          if (account.found === 'error') return { result: 'internal_failure', cause: account.cause }
          return trouble(`${given.table}: several rows are the user ${JSON.stringify(request.user)}`)
        }),
      ...(columns.password !== undefined && { replacePassword: accounts.replacePassword }),
    }
    return passdb
  },
}

const userUnknown: PassdbLookup = { result: 'user_unknown' }

type ReadAccount = (row: AccountRow, request: AuthRequest) => PassdbLookup

/** What a row says, decided as far as the columns decide it. */
function accountReader(given: Static<typeof options>, columns: AccountColumns): ReadAccount {
  const routed = columns.host !== undefined
  const proxy: ProxyOptions = {
    anyCertificate: given.proxy_certificates === 'any-cert',
    noPipelining: given.proxy_nopipelining,
    maybe: given.proxy_maybe,
  }
  const extraRoles = Object.keys(columns).filter(role => !isOwnRole(role, routed))
  const wrong = (row: AccountRow, role: string, problem: string) =>
    trouble(`${given.table}: column ${columns[role] ?? role} of ${JSON.stringify(row.user)} ${problem}`)

  return (row, request) => {
    const active = columns.active === undefined ? true : readTruth(row.values.active ?? null)
    if (active === undefined) return wrong(row, 'active', 'is neither yes nor no')
    if (!active) return { result: 'user_disabled' }

    const route = routed ? proxyFields(row.values, request.protocol, proxy) : undefined
    if (route !== undefined && 'problem' in route) return wrong(row, route.role, route.problem)
    const fields = route === undefined ? new Map<string, string>() : route.fields
    for (const [name, value] of withoutUntrueFlags(extraFields(row, extraRoles))) fields.set(name, value)

    const password = row.values.password ?? null
    if (routed && password === null) return { result: 'ok', fields: fields.set('nopassword', 'y') }
    if (routed && password === '') return wrong(row, 'password', 'is empty (NULL lets the backend decide)')
    if (password === null || password === '') return { result: 'ok', fields }
    return { result: 'ok', credentials: { stored: String(password) }, fields }
  }
}

/** Roles whose fields have another name as long as they are a passdb's. */
const userdbRoles = ['home', 'uid', 'gid']

function isOwnRole(role: string, routed: boolean): boolean {
  return ['user', 'domain', 'password', 'active'].includes(role) || (routed && proxyRoles.includes(role))
}

function extraFields(row: AccountRow, roles: readonly string[]): ExtraFields {
  if (roles.length === 0) return noFields
  const fields = new Map<string, string>()
  for (const role of roles) {
    const value = row.values[role] ?? null
    if (value !== null) fields.set(userdbRoles.includes(role) ? `userdb_${role}` : role, String(value))
  }
  return fields
}

function trouble(reason: string): PassdbLookup {
  return { result: 'internal_failure', reason }
}
