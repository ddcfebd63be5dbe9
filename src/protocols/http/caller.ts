// Which callers may ask at all, and which may see a stored hash.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'

/**
 * What a listener knows of its callers without a token: that a unix socket's permissions let them in, that they have
 * shown a certificate of ours, or nothing.
 */
export type ListenerTrust = 'unix-socket' | 'client-certificate' | 'tcp'

export interface CallerCheck {
  /** Whether this Authorization header opens the door. */
  mayAsk(authorization: string | undefined): boolean
  /**
   * Whether this listener's callers have proved themselves, by the token, by a certificate, or by a unix socket's
   * permissions.
   * Anybody on the machine can reach a loopback port; nobody gets a hash for that alone.
   */
  readonly maySeeCredentials: boolean
}

/** With an empty token every caller may ask: the configuration allows that on loopback and unix sockets and behind client certificates only. */
export function createCallerCheck(apiToken: string, trust: ListenerTrust): CallerCheck {
  const wanted = digest(`Bearer ${apiToken}`)
  return {
    mayAsk: authorization =>
      apiToken === '' ||
      timingSafeEqual(digest(authorization?.replace(/^bearer /i, 'Bearer ') ?? ''), wanted),
    maySeeCredentials: apiToken !== '' || trust !== 'tcp',
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
