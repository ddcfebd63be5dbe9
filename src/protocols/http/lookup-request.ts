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
      protocol: body.protocol?.toLowerCase() ?? '',
      secured: securedOf(body.secured),
      skipPasswordCheck: body.skip_password_check ?? false,
      ...(body.mechanism && { mechanism: body.mechanism.toUpperCase() }),
      ...(body.remote_ip && { remoteIp: body.remote_ip }),
      ...(body.local_ip && { localIp: body.local_ip }),
      ...(body.local_port && { localPort: body.local_port }),
      ...(body.real_local_ip && { realLocalIp: body.real_local_ip }),
      ...(body.real_remote_ip && { realRemoteIp: body.real_remote_ip }),
      ...(body.session && { sessionId: body.session }),
      ...(body.client_id && { clientId: body.client_id }),
      ...(body.local_name && { localName: body.local_name }),
      ...(body.master_user && { masterUser: textOf(body.master_user, encoding) }),
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
