// Form and headers of Dovecot's password grant → the engine's request. Pure.
// Source: lib-oauth2/oauth2-request.c:oauth2_passwd_grant_start and oauth2_request_set_headers, 2.3.19 and 2.4.1.

import { Buffer } from 'node:buffer'
import { isIP } from 'node:net'
import type { IncomingRequest } from '../../auth/auth.js'
import { Password } from '../../model/password.js'
import type { Form } from './form-body.js'

export interface Grant {
  readonly request: IncomingRequest
  readonly password: Password
  /** The login name as Dovecot sent it, which it wants to see again. */
  readonly username: string
}

export type Headers = Readonly<Record<string, string | string[] | undefined>>

/** RFC 6749's word for what is wrong, and a sentence. */
export interface Malformed {
  readonly error: 'invalid_request' | 'unsupported_grant_type'
  readonly description: string
}

/**
 * What is asked, or what is wrong with the question. Dovecot says neither the mechanism, which is PLAIN or LOGIN, nor
 * whether the connection is secured, nor the session.
 */
export function toGrant(form: Form, headers: Headers): { readonly grant: Grant } | Malformed {
  const grantType = form.get('grant_type')
  if (grantType === undefined) return invalid('grant_type is missing')
  if (grantType !== 'password') {
    return { error: 'unsupported_grant_type', description: 'grant_type must be password' }
  }
  const name = form.get('username')
  const password = form.get('password')
  if (name === undefined) return invalid('username is missing')
  if (password === undefined) return invalid('password is missing')
  const remoteIp = addressIn(headers['x-dovecot-auth-remote'])
  const localIp = addressIn(headers['x-dovecot-auth-local'])
  // An address that cannot be read must not turn into none: allow_nets would read that as a refusal.
  if (remoteIp === 'malformed') return invalid('X-Dovecot-Auth-Remote is not an address')
  if (localIp === 'malformed') return invalid('X-Dovecot-Auth-Local is not an address')

  // U+FFFD where the bytes are no UTF-8: the user name rules refuse such a name.
  const username = Buffer.from(name, 'latin1').toString('utf8')
  const request: IncomingRequest = {
    user: username,
    protocol: protocolIn(headers),
    mechanism: 'PLAIN',
    secured: 'none',
    remoteIp: remoteIp || undefined,
    localIp: localIp || undefined,
    localPort: portIn(headers['x-dovecot-auth-local']),
  }
  return { grant: { request, password: new Password(Buffer.from(password, 'latin1')), username } }
}

function invalid(description: string): Malformed {
  return { error: 'invalid_request', description }
}

/** 2.4 calls it protocol, 2.3 service. */
function protocolIn(headers: Headers): string {
  const value = headers['x-dovecot-auth-protocol'] ?? headers['x-dovecot-auth-service']
  return typeof value === 'string' ? value.toLowerCase() : ''
}

/** The address of `192.0.2.1:143`, `[2001:db8::1]:143` or the address alone (lib/net.c:net_ipport2str). */
function addressIn(value: string | string[] | undefined): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string') return 'malformed'
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(value) ?? []
  const address = bracketed ?? plain ?? value
  return isIP(address) === 0 ? 'malformed' : address
}

/** The port of `192.0.2.1:143` or `[2001:db8::1]:143`. */
function portIn(value: string | string[] | undefined): number | undefined {
  if (typeof value !== 'string') return undefined
  const port = Number(/^(?:\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(value)?.[1] ?? 0)
  return port > 0 && port <= 65535 ? port : undefined
}
