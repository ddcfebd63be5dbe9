// What can be said of an account, on the command line and elsewhere: option → column, and what a value must be.

type ColumnValue = string | number | null

/** The value to store, or what is wrong with the text. An empty text is NULL where a column may be NULL. */
export type ReadColumn = { readonly value: ColumnValue } | { readonly wrong: string }

export interface AccountColumn {
  readonly column: string
  /** What the value is called in the help. */
  readonly value: string
  readonly description: string
  readonly read: (text: string) => ReadColumn
}

/** Column → value, of one account. */
export type AccountValues = Readonly<Record<string, ColumnValue>>

/** Option → column. */
export type AccountColumnTable = Readonly<Record<string, AccountColumn>>

const text = (value: string): ReadColumn => ({ value })
const textOrNull = (value: string): ReadColumn => ({ value: value === '' ? null : value })

function yesNo(value: string): ReadColumn {
  const word = value.toLowerCase()
  if (['yes', 'y', 'true', '1'].includes(word)) return { value: 1 }
  if (['no', 'n', 'false', '0'].includes(word)) return { value: 0 }
  return { wrong: `"${value}" is neither yes nor no` }
}

const HIGHEST_PORT = 65535

function port(value: string): ReadColumn {
  if (value === '') return { value: null }
  const number = /^[0-9]{1,5}$/.test(value) ? Number(value) : 0
  return number >= 1 && number <= HIGHEST_PORT
    ? { value: number }
    : { wrong: `"${value}" is no port from 1 to ${HIGHEST_PORT}` }
}

const oneOf =
  (...words: string[]) =>
  (value: string): ReadColumn =>
    words.includes(value) ? { value } : { wrong: `"${value}" is none of ${words.join(', ')}` }

const portOption = (column: string, protocol: string): AccountColumn => ({
  column,
  value: 'N',
  description: `the backend's port for ${protocol}; empty: the protocol's own`,
  read: port,
})

const active: AccountColumn = {
  column: 'active',
  value: 'YES|NO',
  description: 'no: disabled, which is not the same as unknown',
  read: yesNo,
}

export const proxyUserColumns: AccountColumnTable = {
  host: { column: 'host', value: 'HOST', description: 'the backend', read: text },
  port: portOption('port', 'IMAP'),
  'pop3-port': portOption('pop3_port', 'POP3'),
  'lmtp-port': portOption('lmtp_port', 'LMTP'),
  'submission-port': portOption('submission_port', 'submission'),
  'sieve-port': portOption('sieve_port', 'ManageSieve'),
  'ssl-mode': {
    column: 'ssl_mode',
    value: 'MODE',
    description: 'none, starttls or ssl (default: starttls)',
    read: oneOf('none', 'starttls', 'ssl'),
  },
  'any-cert': {
    column: 'any_cert',
    value: 'YES|NO',
    description: 'yes: this backend gets passwords whatever certificate it shows',
    read: yesNo,
  },
  destuser: {
    column: 'destuser',
    value: 'NAME',
    description: 'the name at the backend; empty: the same',
    read: textOrNull,
  },
  master: {
    column: 'master',
    value: 'NAME',
    description: 'the master user that the proxy logs in as at the backend; empty: none',
    read: textOrNull,
  },
  active,
}

export const localUserColumns: AccountColumnTable = {
  home: { column: 'home', value: 'PATH', description: 'the home directory', read: textOrNull },
  uid: { column: 'uid', value: 'UID', description: 'user id, a number or a name', read: textOrNull },
  gid: { column: 'gid', value: 'GID', description: 'group id, a number or a name', read: textOrNull },
  active,
}

export function columnsByName(columns: AccountColumnTable): ReadonlyMap<string, AccountColumn> {
  return new Map(Object.values(columns).map(column => [column.column, column]))
}

/** What a line of an import may name. */
export function importableColumns(columns: AccountColumnTable): ReadonlySet<string> {
  return new Set(['user', 'password', ...columnsByName(columns).keys()])
}

const listOption = (column: string, value: string, description: string): AccountColumn => ({
  column,
  value,
  description: `${description}; empty: unlimited`,
  read: textOrNull,
})

export const masterUserColumns: AccountColumnTable = {
  domains: listOption('domains', 'LIST', 'whose users he may be: example.org, *.example.com'),
  protocols: listOption('protocols', 'LIST', 'by which protocols: imap, pop3, sieve …'),
  'allow-nets': listOption('allow_nets', 'LIST', 'from which networks: 192.0.2.0/24, 2001:db8::/32'),
  'allow-real-nets': listOption(
    'allow_real_nets',
    'LIST',
    'over which connections: the proxies, for a master of a backend',
  ),
  expires: listOption('expires', 'DATE', 'until when: 2027-01-31 to its end, or a time in UTC'),
  active: { ...active, column: 'masteradmin' },
}
