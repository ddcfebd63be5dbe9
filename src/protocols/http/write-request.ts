// What every request that changes something says beside what it changes: who asks, and whether it was asked before.

import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { DatabaseError } from '../../database/database-error.js'
import type { WriteTerms } from '../../database/write-terms.js'

/** `api 192.0.2.1`, for the audit. */
export const actorOf = ({ socket, ip }: FastifyRequest): string =>
  socket.remoteAddress === undefined ? 'api unix socket' : `api ${ip}`

/** Characters; so much the table takes. */
const LONGEST_KEY = 190

/** From the Idempotency-Key; nothing where there is none. */
export function onceOf(request: FastifyRequest): Pick<WriteTerms, 'once'> {
  const key = request.headers['idempotency-key']
  if (typeof key !== 'string' || key === '') return {}
  const { method, url, headers, body } = request
  const text = JSON.stringify([method, url, headers['if-match'] ?? '', withoutSecrets(body)])
  // Cut off, two keys of one beginning would be one.
  const kept = key.length <= LONGEST_KEY ? key : `sha256 ${hash('sha256', key)}`
  return { once: { key: kept, request: text } }
}

/** The text is kept as a hash for a day, and one of a password would be quick to guess. */
function withoutSecrets(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, /pass/.test(name) ? 'set' : value]),
  )
}

export const keyReused = {
  error: 'key_reused',
  message: 'this Idempotency-Key came with another request before; nothing was changed',
} as const

/** What it comes to; undefined: the database did not do it, and the caller has been told so (503). */
export async function unlessUnavailable<T>(reply: FastifyReply, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    reply.code(503).header('retry-after', '1').send({ error: 'unavailable', message: error.message })
    return undefined
  }
}
