// Stands between what a database says and Dovecot: a field passes as Dovecot means it, is left out because it is
// not true, or stops the whole reply. There is no half reply: a login without its `host` would be a local one.

import { isIP } from 'node:net'
import { type ExtraFields, parseFieldSetting, withoutFields } from './extra-fields.js'
import { readTruth, saysNo } from './truth.js'

/** The fields as they may leave, or why none may. The reason names the field and never tells its value. */
export type CheckedFields = { readonly fields: ExtraFields } | { readonly stopped: string }

/**
 * All fields together, as `key=value` and a separator each. Dovecot's worker hands a reply to the auth process in
 * one line of 8,192 bytes (AUTH_WORKER_MAX_LINE_LENGTH, 2.3.19 and 2.4.1) that also holds user and password.
 */
export const replyLimitBytes = 7168

/** The IMAP ID command carries `x-forward-` and 20 bytes more; a longer key is silently lost on the way. */
export const forwardKeyLimitBytes = 20

/** A longer value ends the backend's connection: 1,024 is the limit of IMAP ID and of a POP3 XCLIENT line. */
export const forwardValueLimitBytes = 1024

/** Decides on the fields of one reply. The input is left as it was, and returned itself when all of it may pass. */
export function checkFields(fields: ExtraFields): CheckedFields {
  const absent: string[] = []
  let lengthBytes = 0
  for (const [name, value] of fields) {
    const isAscii = printable.test(value)
    const verdict = (isAscii ? undefined : checkText(value)) ?? checkNamed(name, value)
    if (verdict === 'absent') absent.push(name)
    else if (verdict !== undefined) return { stopped: `field ${quoted(name)} ${verdict.stopped}` }
    else lengthBytes += name.length + (isAscii ? value.length : Buffer.byteLength(value, 'utf8')) + 2
  }
  if (lengthBytes > replyLimitBytes) {
    return { stopped: `the fields are ${lengthBytes} bytes together, over ${replyLimitBytes}` }
  }
  const passing = withoutFields(fields, absent)
  if ((passing.has('proxy') || passing.has('proxy_maybe')) && !passing.has('host')) {
    return { stopped: 'field "proxy" needs a field "host"' }
  }
  return { fields: passing }
}

/**
 * The fields without those that are true by presence and yet say no, `nopassword` above all. For drivers: whoever
 * decides by these fields may then ask for presence, as Dovecot does.
 */
export function withoutUntrueFlags(fields: ExtraFields): ExtraFields {
  if (fields.size === 0) return fields
  const untrue = [...fields].filter(([key, value]) => setsFlag(key) && saysNo(value))
  return withoutFields(
    fields,
    untrue.map(([key]) => key),
  )
}

/** Whether the key, `:default` or the like included, sets a field whose presence alone makes it true. */
function setsFlag(key: string): boolean {
  const { name, mode } = parseFieldSetting(key, '')
  return mode !== 'remove' && (flags.includes(name) || name === 'ssl' || name === 'starttls')
}

type Verdict = undefined | 'absent' | { readonly stopped: string }
type FieldKind = (value: string) => Verdict

/** True by presence. */
const flag: FieldKind = value => (saysNo(value) ? 'absent' : undefined)

/** True by presence; one value means something, and a word we do not know might mean no. */
const tls: FieldKind = value => {
  if (saysNo(value)) return 'absent'
  return value === 'any-cert' || readTruth(value) ? undefined : { stopped: 'is neither yes nor any-cert' }
}

const portNumber: FieldKind = value =>
  /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65535
    ? undefined
    : { stopped: 'must be a whole number from 1 to 65535' }

const hostName: FieldKind = value =>
  /^[^\s/]{1,255}$/.test(value) ? undefined : { stopped: 'must be a host name or an address' }

const address: FieldKind = value => (isIP(value) ? undefined : { stopped: 'must be an IP address' })

const duration: FieldKind = value =>
  /^\d{1,9}\s*(?:ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|w|weeks?)?$/.test(
    value,
  )
    ? undefined
    : { stopped: 'must be a time' }

const delay: FieldKind = value =>
  /^\d{1,12}(?:\+\d{1,9})?$/.test(value) ? undefined : { stopped: 'must be seconds since 1970' }

/** A number that a uid can be, or a name that a system account can have. */
const systemId: FieldKind = value => {
  const right = /^\d+$/.test(value)
    ? Number(value) < 4294967295
    : /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(value)
  return right ? undefined : { stopped: 'must be a number or the name of an account' }
}

/** Left out when empty it would mean more than it says: another user, any network. */
const neverEmpty: FieldKind = value => (value === '' ? { stopped: 'is empty' } : undefined)

/** A stored password is no field: it is shown, if at all, to who may see it, and Dovecot takes one only. */
const secret: FieldKind = () => 'absent'

const otherwise: FieldKind = value => (value === '' ? 'absent' : undefined)

const reserved: FieldKind = () => ({ stopped: 'is reserved' })

/** Fields that are true by presence (auth/auth-request.c, login-common/client-common-auth.c, 2.3.19 and 2.4.1). */
const flags: readonly string[] = [
  'proxy',
  'proxy_maybe',
  'proxy_always',
  'proxy_nopipelining',
  'proxy_noauth',
  'proxy_not_trusted',
  'proxy_redirect_reauth',
  'proxy_no_multiplex',
  'nologin',
  'nodelay',
  'nopassword',
  'noauthenticate',
  'fail',
  'tempfail',
  'userdb_tempfail',
]

/** What Dovecot reads into the fields it knows. */
const kinds: ReadonlyMap<string, FieldKind> = new Map([
  ...rows(flag, flags),
  ...rows(tls, ['ssl', 'starttls']),
  ...rows(portNumber, ['port']),
  ...rows(hostName, ['host']),
  ...rows(address, ['hostip', 'source_ip']),
  ...rows(duration, ['proxy_timeout', 'proxy_refresh', 'proxy_host_immediate_failure_after']),
  ...rows(delay, ['delay_until']),
  ...rows(systemId, ['uid', 'gid', 'userdb_uid', 'userdb_gid']),
  ...rows(neverEmpty, ['user', 'username', 'domain', 'login_user', 'allow_nets', 'allow_real_nets']),
  ...rows(neverEmpty, ['userdb_user', 'userdb_username', 'userdb_domain']),
  ...rows(secret, ['password', 'password_noscheme']),
  // Dovecot's own words between its processes, and lists that would bring in fields unseen.
  ...rows(reserved, ['resp', 'anonymous', 'original_user', 'auth_user', 'postlogin_socket', 'temp']),
  ...rows(reserved, ['passdb_import', 'userdb_import', 'userdb_userdb_import']),
  // Prefixes without a name behind them: `userdb_` alone is an assertion in Dovecot and kills its auth worker
  // (auth/auth-fields.c:auth_fields_add, seen on 2.3.19).
  ...rows(reserved, ['userdb_', 'userdb_userdb_', 'user_', 'event_']),
  // Names that mean something to a reader of the reply written in JavaScript.
  ...rows(reserved, ['__proto__', 'constructor', 'prototype']),
])

function rows(kind: FieldKind, names: readonly string[]): (readonly [string, FieldKind])[] {
  return names.map(name => [name, kind] as const)
}

/** A name that Dovecot knows is one that a field can have. */
function checkNamed(name: string, value: string): Verdict {
  const kind = kinds.get(name)
  return kind ? kind(value) : (checkName(name) ?? checkForward(name, value) ?? otherwise(value))
}

function checkName(name: string): Verdict {
  return /^[A-Za-z0-9_]{1,64}$/.test(name) ? undefined : { stopped: 'has a name that no field can have' }
}

const printable = /^[\x20-\x7e]*$/
const controlCharacter = /[\x00-\x1f\x7f]/
const brokenUnicode = /\ufffd|\p{Surrogate}/u

function checkText(value: string): Verdict {
  if (controlCharacter.test(value)) return { stopped: 'holds a control character' }
  if (brokenUnicode.test(value)) return { stopped: 'holds bytes that are not UTF-8' }
  return undefined
}

const FORWARD_PREFIX = 'forward_'

function checkForward(name: string, value: string): Verdict {
  if (!name.startsWith(FORWARD_PREFIX)) return undefined
  const keyLength = name.length - FORWARD_PREFIX.length
  if (keyLength < 1 || keyLength > forwardKeyLimitBytes) {
    return { stopped: `must have 1 to ${forwardKeyLimitBytes} characters after forward_` }
  }
  if (Buffer.byteLength(value, 'utf8') > forwardValueLimitBytes) {
    return { stopped: `is longer than ${forwardValueLimitBytes} bytes` }
  }
  return undefined
}

/** A field's name fit for a log line, whatever it holds. */
function quoted(name: string): string {
  const short = name.length > 64 ? `${name.slice(0, 64)}…` : name
  return JSON.stringify(short)
}
