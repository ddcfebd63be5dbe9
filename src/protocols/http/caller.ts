// Which callers may ask at all, and which may see a stored hash.

import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { isAmong, type SecretBlock, secretBlock, secretsIn } from './secret-block.js'

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
  maySeeCredentials(): boolean
}

/** With an empty token every caller may ask: the configuration allows that on loopback and unix sockets and behind client certificates only. */
export function createCallerCheck(apiToken: string | (() => string), trust: ListenerTrust): CallerCheck {
  const tokens = createTokens(typeof apiToken === 'string' ? () => apiToken : apiToken)
  return {
    mayAsk: authorization => {
      const wanted = tokens()
      if (wanted === undefined) return true
      return isAmong(asBearer(authorization), wanted)
    },
    maySeeCredentials: () => tokens() !== undefined || trust !== 'tcp',
  }
}

/** The word before the token is anybody's to spell. */
function asBearer(authorization = ''): string {
  return authorization.startsWith('Bearer ') ? authorization : authorization.replace(/^bearer /i, 'Bearer ')
}

/**
 * One token a line, so that a new one can be given out before the old one goes; worked out anew when they change.
 * undefined: no token is asked for.
 */
function createTokens(read: () => string): () => readonly SecretBlock[] | undefined {
  let text = ''
  let tokens: readonly SecretBlock[] | undefined
  return () => {
    const now = read()
    if (now === text) return tokens
    text = now
    tokens = now === '' ? undefined : secretsIn(now).map(token => secretBlock(`Bearer ${token}`))
    return tokens
  }
}

/** For doors whose callers send a key as they can: `X-API-Key`, Basic's password, or a Bearer token. */
export function createKeyCheck(readKey: () => string): (headers: IncomingHttpHeaders) => boolean {
  const keys = createTokens(readKey)
  return headers => {
    const wanted = keys()
    if (wanted === undefined) return true
    return isAmong(`Bearer ${keyOf(headers)}`, wanted)
  }
}

function keyOf({ authorization = '', 'x-api-key': key }: IncomingHttpHeaders): string {
  if (typeof key === 'string') return key
  const bearer = /^bearer +(.*)$/i.exec(authorization)?.[1]
  if (bearer !== undefined) return bearer
  const basic = /^basic +([A-Za-z0-9+/]+=*) *$/i.exec(authorization)?.[1]
  const pair = Buffer.from(basic ?? '', 'base64').toString('latin1')
  return pair.slice(pair.indexOf(':') + 1)
}

/** 401 for everybody else, before a byte of the body is read. */
export function refuseStrangers(app: FastifyInstance, caller: CallerCheck): void {
  // With a callback: a promise for every request costs more than the check.
  app.addHook('onRequest', (request, reply, done) => {
    if (caller.mayAsk(request.headers.authorization)) return done()
    reply
      .code(401)
      .header('www-authenticate', 'Bearer realm="homing"')
      .send({ error: 'unauthorized', message: 'the API token is missing or wrong' })
  })
}
