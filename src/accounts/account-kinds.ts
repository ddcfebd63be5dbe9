// The kinds of accounts, one row each: what is in one, and what makes no sense.

import type { AccountTableName } from '../database/accounts.js'
import { checkFields } from '../model/field-firewall.js'
import { limitFault, type MasterLimit } from '../model/master-limits.js'
import { proxyFields } from '../routing/proxy-fields.js'
import {
  type AccountColumnTable,
  type AccountValues,
  localUserColumns,
  masterUserColumns,
  proxyUserColumns,
} from './account-columns.js'

export interface AccountKind {
  /** `proxy-user` */
  readonly command: string
  readonly table: AccountTableName
  readonly columns: AccountColumnTable
  /** Options without which there is no account. */
  readonly required: readonly string[]
  /** Whether an account without a password makes sense: the backend decides. */
  readonly passwordIsOptional: boolean
  /** What is wrong with an account as a whole. */
  readonly check: (account: AccountValues) => string | undefined
  /** Whether only a password that is slow to guess will do: whoever knows it can read all mail. */
  readonly needsSlowHash?: boolean
  /** Whether an account has a password of another server beside its own. */
  readonly hasBackendPassword?: boolean
}

/** Users whose mail lies on another server. */
export const proxyUser: AccountKind = {
  command: 'proxy-user',
  table: 'proxy_users',
  columns: proxyUserColumns,
  required: ['host'],
  passwordIsOptional: true,
  hasBackendPassword: true,
  check: whatIsWrongWithRoute,
}

/** Users whose mail lies on the server that asks. */
export const localUser: AccountKind = {
  command: 'local-user',
  table: 'local_users',
  columns: localUserColumns,
  required: [],
  passwordIsOptional: false,
  check: whatIsWrongWithHome,
}

/** Users who may be other users. */
export const masterUser: AccountKind = {
  command: 'master-user',
  table: 'master_users',
  columns: masterUserColumns,
  required: [],
  passwordIsOptional: false,
  needsSlowHash: true,
  check: whatIsWrongWithLimits,
}

export const accountKinds: readonly AccountKind[] = [proxyUser, localUser, masterUser]

const protocols = ['imap', 'pop3', 'lmtp', 'submission', 'sieve']

/** What a login would stumble over is refused now, when somebody is there to correct it. */
function whatIsWrongWithRoute(account: AccountValues): string | undefined {
  for (const protocol of protocols) {
    const made = proxyFields(account, protocol, { anyCertificate: false, noPipelining: false })
    if ('problem' in made) return `--${made.role.replaceAll('_', '-')} ${made.problem}`
    const checked = checkFields(made.fields)
    if ('stopped' in checked) return checked.stopped
  }
  return undefined
}

/** What a userdb lookup would stumble over. */
function whatIsWrongWithHome(account: AccountValues): string | undefined {
  const fields = ['home', 'uid', 'gid'].flatMap(column => {
    const value = account[column] ?? null
    return value === null ? [] : [[column, String(value)] as const]
  })
  const checked = checkFields(new Map(fields))
  return 'stopped' in checked ? checked.stopped : undefined
}

/** Column → what it is called where it limits. */
const limits: Readonly<Record<string, MasterLimit>> = {
  domains: 'master_domains',
  protocols: 'master_protocols',
  allow_nets: 'allow_nets',
  allow_real_nets: 'allow_real_nets',
  expires: 'master_expires',
}

/** A limit that cannot be read refuses every login. */
function whatIsWrongWithLimits(account: AccountValues): string | undefined {
  for (const [column, limit] of Object.entries(limits)) {
    const value = account[column] ?? null
    const fault = value === null ? undefined : limitFault(limit, String(value))
    if (fault !== undefined) return `--${column.replaceAll('_', '-')} ${fault}`
  }
  return undefined
}
