// A dict key → what is asked. Pure.
//
//   shared/passdb/anna@example.org                               the stored password and the fields
//   shared/passdb/anna@example.org/secret                        is this the password? (`%w` last in the key)
//   shared/passdb/service=imap/rip=198.51.100.7/user=anna/password=secret        the same with what Dovecot knows
//   shared/userdb/anna@example.org, shared/userdb/service=lmtp/user=anna         uid, gid, home …
//
// Dovecot escapes nothing in a key (2.3.19), and clients choose the user name, the password and more. Hence: the user
// and the password come last; where the command names the user, the key must name the same one; and of two equal
// attributes the first counts, so that addresses belong in front.

import { isIP } from 'node:net'
import type { IncomingRequest } from '../../auth/auth.js'
import { securedOf } from '../secured.js'

export type DictQuestion =
  | { readonly ask: 'passdb'; readonly request: IncomingRequest; readonly password?: Buffer }
  | { readonly ask: 'userdb'; readonly request: IncomingRequest }
  /** A key that this server cannot answer: never "not found", which would read as "no such user". */
  | { readonly ask: 'nothing'; readonly why: string }

/** What a key may tell about the login, by the names that Dovecot 2.3 has for it. */
const attributes = [
  'service',
  'rip',
  'lip',
  'real_rip',
  'mech',
  'secured',
  'session',
  'client_id',
  'local_name',
  'master_user',
] as const
type Attribute = (typeof attributes)[number]
type Attributes = Partial<Record<Attribute, string>>

/** Where users are listed. */
export const iteratePath = 'shared/userdb/'

const PASSDB = 'shared/passdb/'
const USER = 'user='
const PASSWORD = '/password='
const attributeBoundary = new RegExp(`/(?=(?:${attributes.join('|')}|user)=)`, 'g')

/** Reads a key. `commandUser` is whom the command names, if it does; both are byte strings. */
export function parseDictKey(key: string, commandUser: string | undefined): DictQuestion {
  if (key.startsWith(PASSDB)) return parsePassdbKey(key.slice(PASSDB.length), commandUser || undefined)
  if (!key.startsWith(iteratePath)) return nothing('only keys that begin with passdb/ or userdb/ are served')
  const named = splitAttributes(key.slice(iteratePath.length))
  if ('why' in named) return nothing(named.why)
  if (commandUser && named.rest !== commandUser) return nothing(otherUser)
  return questionFor('userdb', named)
}

function parsePassdbKey(path: string, commandUser: string | undefined): DictQuestion {
  const named = splitAttributes(path)
  if ('why' in named) return nothing(named.why)
  const { rest } = named
  const separator = named.isLong ? PASSWORD : '/'
  if (rest === commandUser) return questionFor('passdb', named)
  // The command says where the user ends, whatever stands in the name; else the first separator must.
  const userEnd = commandUser?.length ?? rest.indexOf(separator)
  if (userEnd < 0) return questionFor('passdb', named)
  const user = rest.slice(0, userEnd)
  if (commandUser !== undefined && user !== commandUser) return nothing(otherUser)
  if (!rest.startsWith(separator, userEnd)) return nothing(otherUser)
  const password = Buffer.from(rest.slice(userEnd + separator.length), 'latin1')
  return questionFor('passdb', { ...named, rest: user }, password)
}

const otherUser = 'the key names another user than the command'

interface SplitKey {
  readonly values: Attributes
  /** The user, and what follows. */
  readonly rest: string
  /** Written with attributes; then it ends in `user=`. */
  readonly isLong: boolean
}

function splitAttributes(path: string): SplitKey | { readonly why: string } {
  const name = /^([a-z_]+)=/.exec(path)?.[1]
  if (name === undefined || !(name === 'user' || isAttribute(name))) {
    return { values: {}, rest: path, isLong: false }
  }
  const values: Attributes = {}
  for (let at = 0; ; ) {
    if (path.startsWith(USER, at)) return { values, rest: path.slice(at + USER.length), isLong: true }
    attributeBoundary.lastIndex = at
    const end = attributeBoundary.exec(path)?.index
    if (end === undefined) return { why: 'the key has attributes and no user' }
    const equals = path.indexOf('=', at)
    const key = path.slice(at, equals)
    if (isAttribute(key)) values[key] ??= path.slice(equals + 1, end)
    at = end + 1
  }
}

function isAttribute(name: string): name is Attribute {
  return (attributes as readonly string[]).includes(name)
}

function questionFor(ask: 'passdb' | 'userdb', { values, rest }: SplitKey, password?: Buffer): DictQuestion {
  for (const key of ['rip', 'lip', 'real_rip'] as const) {
    const address = values[key]
    if (address && isIP(address) === 0) return nothing(`${key} in the key is no IP address`)
  }
  const request: IncomingRequest = {
    user: textOf(rest),
    protocol: values.service?.toLowerCase() ?? '',
    secured: securedOf(values.secured),
    ...(values.mech && { mechanism: values.mech.toUpperCase() }),
    ...(values.rip && { remoteIp: values.rip }),
    ...(values.lip && { localIp: values.lip }),
    ...(values.real_rip && { realRemoteIp: values.real_rip }),
    ...(values.session && { sessionId: textOf(values.session) }),
    ...(values.client_id && { clientId: textOf(values.client_id) }),
    ...(values.local_name && { localName: textOf(values.local_name) }),
    ...(values.master_user && { masterUser: textOf(values.master_user) }),
  }
  return { ask, request, ...(password && ask === 'passdb' && { password }) } as DictQuestion
}

/** `U+FFFD` where the bytes are no UTF-8: the user name rules refuse such a name. */
export function textOf(bytes: string): string {
  return /^[\x00-\x7f]*$/.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')
}

function nothing(why: string): DictQuestion {
  return { ask: 'nothing', why }
}
