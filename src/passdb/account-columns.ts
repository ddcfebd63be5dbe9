// Which column of a passdb's table is what. The guide's tables are known; any other table must say.

import type { AccountColumns } from '../database/account-table.js'
import { ConfigError } from '../model/config-error.js'

const knownTables: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map([
  [
    'proxy_users',
    {
      user: 'username',
      password: 'password',
      active: 'active',
      host: 'host',
      port: 'port',
      pop3_port: 'pop3_port',
      lmtp_port: 'lmtp_port',
      submission_port: 'submission_port',
      sieve_port: 'sieve_port',
      ssl_mode: 'ssl_mode',
      any_cert: 'any_cert',
      destuser: 'destuser',
      pass: 'pass',
      master: 'master',
    },
  ],
  [
    'local_users',
    { user: 'username', password: 'password', active: 'active', home: 'home', uid: 'uid', gid: 'gid' },
  ],
  [
    'master_users',
    {
      user: 'user_name',
      domain: 'domain_name',
      password: 'password',
      active: 'masteradmin',
      master_domains: 'domains',
      master_protocols: 'protocols',
      allow_nets: 'allow_nets',
      allow_real_nets: 'allow_real_nets',
      master_expires: 'expires',
    },
  ],
])

/** Roles whose fields are made of other roles, and what to give instead. */
const madeRoles: ReadonlyMap<string, string> = new Map([
  ['proxy', 'a table with the role host is a proxy table'],
  ['ssl', 'use ssl_mode: none, starttls or ssl'],
  ['password_noscheme', 'use password, and default_password_scheme for those without {SCHEME}'],
  ['starttls', 'use ssl_mode: none, starttls or ssl'],
])

/**
 * The columns of the table: the known ones of a known table, with the given ones laid upon them; a role given as ""
 * is dropped. Throws ConfigError, naming the setting, for a table that is neither known nor described.
 */
export function accountColumns(
  passdb: string,
  table: string,
  given: Readonly<Record<string, string>>,
): AccountColumns {
  const roles = { ...knownTables.get(table), ...given }
  const used = Object.fromEntries(Object.entries(roles).filter(([, column]) => column !== ''))
  for (const role of Object.keys(used)) checkRole(passdb, role)
  const { user } = used
  if (user === undefined) {
    throw new ConfigError(
      `passdb ${passdb}: columns must say which column of ${table} is the user ` +
        `(known without it: ${[...knownTables.keys()].join(', ')})`,
    )
  }
  return { ...used, user }
}

function checkRole(passdb: string, role: string): void {
  if (!/^[A-Za-z0-9_]{1,64}$/.test(role)) {
    throw new ConfigError(`passdb ${passdb}: columns: ${JSON.stringify(role)} can be no field`)
  }
  const instead = madeRoles.get(role)
  if (instead !== undefined)
    throw new ConfigError(`passdb ${passdb}: columns: no column can be ${role}: ${instead}`)
}
