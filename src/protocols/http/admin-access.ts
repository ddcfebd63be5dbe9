// Who may look, and who may change something, at the admin door.

import type { FastifyInstance } from 'fastify'
import { createCallerCheck, type ListenerTrust } from './caller.js'
import type { HttpSettings } from './http-settings.js'

export type AdminRole = 'read' | 'write'

type AdminTokens = Pick<HttpSettings, 'admin_token' | 'admin_read_token'>

/**
 * The role that an Authorization header has; undefined: none. Without any token everybody who reaches the listener may
 * do everything: the configuration allows that on unix sockets and behind client certificates only.
 */
export function createAdminAccess(
  settings: AdminTokens,
  trust: ListenerTrust,
): (authorization: string | undefined) => AdminRole | undefined {
  const writers = createCallerCheck(() => settings.admin_token, trust)
  const readers = createCallerCheck(() => settings.admin_read_token, trust)
  return authorization => {
    // Both are compared, whichever is right. An empty token opens nothing as long as there is another one.
    const mayWrite = writers.mayAsk(authorization) && settings.admin_token !== ''
    const mayRead = readers.mayAsk(authorization) && settings.admin_read_token !== ''
    if (mayWrite || (settings.admin_token === '' && settings.admin_read_token === '')) return 'write'
    return mayRead ? 'read' : undefined
  }
}

const READING = new Set(['GET', 'HEAD'])

/** 401 for strangers, and 403 for readers who want to change something, before a byte of the body is read. */
export function refuseByRole(
  app: FastifyInstance,
  roleOf: (authorization: string | undefined) => AdminRole | undefined,
): void {
  app.addHook('onRequest', async (request, reply) => {
    const role = roleOf(request.headers.authorization)
    if (role === 'write' || (role === 'read' && READING.has(request.method))) return
    if (role === 'read') {
      return reply.code(403).send({ error: 'forbidden', message: 'this token may read and not change' })
    }
    return reply
      .code(401)
      .header('www-authenticate', 'Bearer realm="homing admin"')
      .send({ error: 'unauthorized', message: 'the admin token is missing or wrong' })
  })
}
