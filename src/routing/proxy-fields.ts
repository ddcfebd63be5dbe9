// Where this user's mail lives, as Dovecot's proxy fields: one row of a proxy table and a protocol make them.

import { readTruth } from '../model/truth.js'

/** Role → value of one row of a proxy table. A role that the table has no column for is missing. */
export type ProxyRow = Readonly<Record<string, string | number | null>>

export interface ProxyOptions {
  /** Takes any certificate of a backend, whatever the rows say. */
  readonly anyCertificate: boolean
  /** Says so in every reply: commands reach the backend one by one. */
  readonly noPipelining: boolean
  /** A backend that is the asking proxy itself means a mailbox there. */
  readonly maybe?: boolean
}

/** The fields, made anew and the caller's, or what is wrong with the row: the role, and why. A row that is wrong must fail the login. */
export type ProxyFields =
  | { readonly fields: Map<string, string> }
  | { readonly problem: string; readonly role: string }

/** The roles that are used up here; whatever else a row has is not ours. */
export const proxyRoles: readonly string[] = [
  'host',
  'port',
  'pop3_port',
  'lmtp_port',
  'submission_port',
  'sieve_port',
  'ssl_mode',
  'any_cert',
  'destuser',
  'pass',
  'master',
]

/**
 * Which role holds a protocol's port. A protocol that is not here gets no `port`, so that Dovecot takes the
 * protocol's own: `doveadm` sent to port 143 would speak to an IMAP server.
 */
const portRoles: ReadonlyMap<string, string> = new Map([
  ['', 'port'],
  ['imap', 'port'],
  ['pop3', 'pop3_port'],
  ['lmtp', 'lmtp_port'],
  ['submission', 'submission_port'],
  ['sieve', 'sieve_port'],
  ['managesieve', 'sieve_port'],
])

/** Makes the fields that send this protocol's login to the backend. Certificates are verified unless told otherwise. */
export function proxyFields(row: ProxyRow, protocol: string, options: ProxyOptions): ProxyFields {
  const host = readHost(row.host)
  const port = readPort(row, protocol)
  const encryption = readEncryption(row, options)
  for (const read of [host, port, encryption]) if ('problem' in read) return read

  const fields = new Map<string, string>().set(options.maybe ? 'proxy_maybe' : 'proxy', 'y')
  for (const read of [host, port, encryption]) if ('field' in read) fields.set(...read.field)
  fields.set('nodelay', 'y')
  if (options.noPipelining) fields.set('proxy_nopipelining', 'y')
  for (const role of ['destuser', 'pass', 'master']) {
    const value = row[role] ?? ''
    if (value !== '') fields.set(role, String(value))
  }
  return { fields }
}

type Problem = { readonly problem: string; readonly role: string }
type Read = { readonly field: readonly [string, string] } | Problem | { readonly none: true }

const none: Read = { none: true }

function readHost(value: string | number | null | undefined): Read {
  const host = String(value ?? '')
  if (host === '') return { problem: 'is empty', role: 'host' }
  if (/[\s/\x00-\x1f]/.test(host)) return { problem: 'is no host name or address', role: 'host' }
  return { field: ['host', host] }
}

function readPort(row: ProxyRow, protocol: string): Read {
  const role = portRoles.get(protocol.toLowerCase())
  const value = role === undefined ? null : (row[role] ?? null)
  if (role === undefined || value === null) return none
  const port = typeof value === 'number' ? value : /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    return { problem: 'is no port from 1 to 65535', role }
  return { field: ['port', String(port)] }
}

/** NULL is starttls: a row that says nothing must not send passwords in clear. */
function readEncryption(row: ProxyRow, { anyCertificate }: ProxyOptions): Read {
  const mode = row.ssl_mode ?? 'starttls'
  if (mode === 'none') return none
  if (mode !== 'starttls' && mode !== 'ssl')
    return { problem: 'is none of none, starttls, ssl', role: 'ssl_mode' }
  const anyCertificateOfRow = readTruth(row.any_cert ?? null)
  if (anyCertificateOfRow === undefined) return { problem: 'is neither yes nor no', role: 'any_cert' }
  return { field: [mode, anyCertificate || anyCertificateOfRow ? 'any-cert' : 'yes'] }
}
