// How safe the client's connection is, in Dovecot's words.

import type { AuthRequest } from '../model/auth-request.js'

/** Dovecot 2.3 writes `TLS`, `secured` or nothing, 2.4 `TLS`, `secured`, `insecure`. */
export function securedOf(secured: string | undefined): AuthRequest['secured'] {
  const word = secured?.toLowerCase() ?? ''
  if (word === 'tls') return 'tls'
  return word === 'secured' || word === 'trusted' || word === 'yes' ? 'secured' : 'none'
}
