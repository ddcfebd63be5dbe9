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
  | {
      readonly ask: 'passdb'
      readonly request: IncomingRequest
      readonly password?: Buffer | undefined
      /** The key says no mechanism, as LMTP and doveadm have none; one that does not tell may be a login's. */
      readonly isDelivery: boolean
    }
  | { readonly ask: 'userdb'; readonly request: IncomingRequest }
  /** A key that this server cannot answer: never "not found", which would read as "no such user". */
  | { readonly ask: 'nothing'; readonly why: string }

/** What a key may tell about the login, by the names that Dovecot 2.3 has for it: a key that tells nothing. */
const nothingTold = {
  service: undefined,
  rip: undefined,
  lip: undefined,
  lport: undefined,
  real_lip: undefined,
  real_rip: undefined,
  mech: undefined,
  secured: undefined,
  session: undefined,
  client_id: undefined,
  local_name: undefined,
  master_user: undefined,
}
const USER = 'user'
type Attribute = keyof typeof nothingTold
type Name = Attribute | typeof USER
type Told = Record<Attribute, string | undefined>

const names = new Map<string, Name>([[USER, USER]])
for (const name of Object.keys(nothingTold) as Attribute[]) names.set(name, name)
const LONGEST_NAME = Math.max(...Array.from(names.keys(), name => name.length))
const EQUALS = '='.charCodeAt(0)

/** Where users are listed. */
export const iteratePath = 'shared/userdb/'

const PASSDB = 'shared/passdb/'
const PASSWORD = '/password='

/** Reads a key. `commandUser` is whom the command names, if it does; both are byte strings. */
export function parseDictKey(key: string, commandUser: string | undefined): DictQuestion {
  if (key.startsWith(PASSDB)) return parsePassdbKey(key.slice(PASSDB.length), commandUser || undefined)
  if (!key.startsWith(iteratePath)) return nothing('only keys that begin with passdb/ or userdb/ are served')
  const named = splitAttributes(key.slice(iteratePath.length))
  if ('why' in named) return nothing(named.why)
  if (commandUser && named.rest !== commandUser) return nothing(otherUser)
  return questionFor('userdb', named)
}

/** Whether a password stands in the key that was read as this question, or may, since it was not understood. */
export function mayHoldPassword(key: string, question: DictQuestion): boolean {
  return key.includes(PASSWORD) || (question.ask === 'passdb' && question.password !== undefined)
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
  readonly told: Readonly<Told>
  /** The user, and what follows. */
  readonly rest: string
  /** Written with attributes; then it ends in `user=`. */
  readonly isLong: boolean
}

function splitAttributes(path: string): SplitKey | { readonly why: string } {
  let name = nameAt(path, 0)
  if (name === undefined) return { told: nothingTold, rest: path, isLong: false }
  const told: Told = { ...nothingTold }
  let valueAt = name.length + 1
  while (name !== USER) {
    // A `/` with no attribute behind it belongs to the value.
    let end = valueAt - 1
    let next: Name | undefined
    while (next === undefined) {
      end = path.indexOf('/', end + 1)
      if (end < 0) return { why: 'the key has attributes and no user' }
      next = nameAt(path, end + 1)
    }
    told[name] ??= path.slice(valueAt, end)
    name = next
    valueAt = end + 1 + name.length + 1
  }
  return { told, rest: path.slice(valueAt), isLong: true }
}

/** The name before the `=` that follows. Looks no further than the longest name is: a key may hold nothing but `/`. */
function nameAt(path: string, at: number): Name | undefined {
  const last = Math.min(at + LONGEST_NAME, path.length - 1)
  for (let i = at; i <= last; i++) {
    if (path.charCodeAt(i) === EQUALS) return names.get(path.slice(at, i))
  }
  return undefined
}

function questionFor(ask: 'passdb' | 'userdb', { told, rest }: SplitKey, password?: Buffer): DictQuestion {
  const { rip, lip, lport, real_lip: realLip, real_rip: realRip } = told
  if (!isAddress(rip)) return nothing('rip in the key is no IP address')
  if (!isAddress(lip)) return nothing('lip in the key is no IP address')
  if (!isPort(lport)) return nothing('lport in the key is no port')
  if (!isAddress(realLip)) return nothing('real_lip in the key is no IP address')
  if (!isAddress(realRip)) return nothing('real_rip in the key is no IP address')
  const request: IncomingRequest = {
    user: textOf(rest),
    masterUser: textIn(told.master_user),
    protocol: told.service?.toLowerCase() ?? '',
    mechanism: told.mech?.toUpperCase() || undefined,
    secured: securedOf(told.secured),
    remoteIp: rip || undefined,
    localIp: lip || undefined,
    localPort: Number(lport) || undefined,
    realLocalIp: realLip || undefined,
    realRemoteIp: realRip || undefined,
    sessionId: textIn(told.session),
    clientId: textIn(told.client_id),
    localName: textIn(told.local_name),
  }
  return ask === 'passdb' ? { ask, request, password, isDelivery: told.mech === '' } : { ask, request }
}

/** Dovecot knows none where nothing came over the network. */
function isAddress(text: string | undefined): boolean {
  return text === undefined || text === '' || isIP(text) !== 0
}

/** 0 or nothing where nothing came over the network. */
function isPort(text: string | undefined): boolean {
  return text === undefined || (/^\d{0,5}$/.test(text) && Number(text) <= 65535)
}

/** An empty value says that Dovecot has none. */
function textIn(bytes: string | undefined): string | undefined {
  return bytes === undefined || bytes === '' ? undefined : textOf(bytes)
}

/** `U+FFFD` where the bytes are no UTF-8: the user name rules refuse such a name. */
export function textOf(bytes: string): string {
  return /^[\x00-\x7f]*$/.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')
}

function nothing(why: string): DictQuestion {
  return { ask: 'nothing', why }
}
