// All users, streamed: a listing is as long as the mail system has users, and half of one must not look whole.

import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Services } from '../services.js'
import { tabEscape } from '../tab-escape.js'
import { DOVECOT_FIELDS, wantsDovecotFields } from './reply.js'

export const listQuerySchema = {
  type: 'object',
  properties: { mask: { type: 'string', maxLength: 1024 } },
} as const

/**
 * Mounts the listing. As JSON an array of names; as Dovecot fields one escaped name per line, ended by an
 * empty line, as the dict protocol ends an iteration. When the listing breaks off, the connection is cut
 * before that end.
 */
export function userdbListRoute(app: FastifyInstance, { services }: { services: Services }): void {
  app.get<{ Querystring: { mask?: string } }>(
    '/v1/userdb/users',
    { schema: { querystring: listQuerySchema } },
    async (request, reply) => {
      const names = services.auth.listUsers(request.query.mask ?? '*')
      const asLines = wantsDovecotFields(request.headers.accept)
      const chunks = joinIntoChunks(asLines ? lines(names) : jsonArray(names))
      const body = Readable.from(withReport(chunks, error => services.reportBug('userdb listing', error)))
      return reply.type(asLines ? DOVECOT_FIELDS : 'application/json; charset=utf-8').send(body)
    },
  )
}

async function* lines(names: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const name of names) yield `${tabEscape(name)}\n`
  yield '\n'
}

async function* jsonArray(names: AsyncIterable<string>): AsyncGenerator<string> {
  let separator = '['
  for await (const name of names) {
    yield separator + JSON.stringify(name)
    separator = ','
  }
  yield separator === '[' ? '[]' : ']'
}

const CHUNK_CHARACTERS = 16_384

async function* joinIntoChunks(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = ''
  for await (const piece of pieces) {
    chunk += piece
    if (chunk.length < CHUNK_CHARACTERS) continue
    yield chunk
    chunk = ''
  }
  yield chunk
}

async function* withReport(
  chunks: AsyncIterable<string>,
  report: (error: unknown) => void,
): AsyncGenerator<string> {
  try {
    yield* chunks
  } catch (error) {
    report(error)
    throw error
  }
}
