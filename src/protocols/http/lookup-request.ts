// A checked request body → the engine's request. Pure.

import { isIP } from 'node:net'
import type { IncomingRequest } from '../../auth/auth.js'
import { securedOf } from '../secured.js'
import type { BodyEncoding } from './json-body.js'
import type { LookupRequestBody } from './passdb-schemas.js'

/** The engine's request, or what is wrong with the body. An empty text counts as not given, as Dovecot sends it. */
export function toIncomingRequest(
  body: LookupRequestBody,
  encoding: BodyEncoding,
): { readonly request: IncomingRequest } | { readonly malformed: string } {
  for (const key of addressKeys) {
    const address = body[key]
    if (address && isIP(address) === 0) return { malformed: `body/${key} must be an IP address` }
  }
  return {
    request: {
      user: textOf(body.user, encoding),
      masterUser: body.master_user ? textOf(body.master_user, encoding) : undefined,
      protocol: body.protocol?.toLowerCase() ?? '',
      mechanism: body.mechanism?.toUpperCase() || undefined,
      secured: securedOf(body.secured),
      remoteIp: body.remote_ip || undefined,
      localIp: body.local_ip || undefined,
      localPort: body.local_port || undefined,
      realLocalIp: body.real_local_ip || undefined,
      realRemoteIp: body.real_remote_ip || undefined,
      sessionId: body.session || undefined,
      clientId: body.client_id || undefined,
      localName: body.local_name || undefined,
      skipPasswordCheck: body.skip_password_check ?? false,
    },
  }
}

/** The password's bytes as the client sent them, also when they are no valid UTF-8. */
export function passwordBytes(password: string, encoding: BodyEncoding): Buffer {
  return Buffer.from(password, encoding === 'latin1' && isByteString(password) ? 'latin1' : 'utf8')
}

const addressKeys = ['remote_ip', 'local_ip', 'real_remote_ip', 'real_local_ip'] as const

/** `U+FFFD` where the bytes are no UTF-8: the user name rules refuse such a name. */
function textOf(text: string, encoding: BodyEncoding): string {
  return encoding === 'latin1' ? Buffer.from(text, 'latin1').toString('utf8') : text
}

function isByteString(text: string): boolean {
  return !/[^\x00-\xff]/.test(text)
}
