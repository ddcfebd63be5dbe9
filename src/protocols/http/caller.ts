// Which callers may ask at all, and which may see a stored hash.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'

/** Where a listener listens decides whom it lets in when no token is set. */
export type ListenerTrust = 'unix-socket' | 'tcp'

export interface CallerCheck {
  /** Whether this Authorization header opens the door. */
  mayAsk(authorization: string | undefined): boolean
  /**
   * Whether this listener's callers have proved themselves, by the token or by a unix socket's permissions.
   * Anybody on the machine can reach a loopback port; nobody gets a hash for that alone.
   */
  readonly maySeeCredentials: boolean
}

/** With an empty token every caller may ask: the configuration allows that on loopback and unix sockets only. */
export function createCallerCheck(apiToken: string, trust: ListenerTrust): CallerCheck {
  const wanted = digest(`Bearer ${apiToken}`)
  return {
    mayAsk: authorization =>
      apiToken === '' ||
      timingSafeEqual(digest(authorization?.replace(/^bearer /i, 'Bearer ') ?? ''), wanted),
    maySeeCredentials: apiToken !== '' || trust === 'unix-socket',
  }
}

/** 401 for everybody else, before a byte of the body is read. */
export function refuseStrangers(app: FastifyInstance, caller: CallerCheck): void {
  app.addHook('onRequest', async (request, reply) => {
    if (caller.mayAsk(request.headers.authorization)) return
    return reply
      .code(401)
      .header('www-authenticate', 'Bearer realm="homing"')
      .send({ error: 'unauthorized', message: 'the API token is missing or wrong' })
  })
}

/** Equal lengths for timingSafeEqual, whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
