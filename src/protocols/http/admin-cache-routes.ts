// The auth caches of all copies, and of the Dovecots that are configured.

import type { FastifyInstance } from 'fastify'
import type { Services } from '../services.js'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const count = { type: 'integer' } as const

/** Whom to forget: users by name or mask, or everybody; nobody forgets everybody by leaving something out. */
export const flushRequestSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    users: {
      type: 'array',
      minItems: 1,
      maxItems: 1000,
      items: { type: 'string', minLength: 1, maxLength: 1024 },
    },
    all: { type: 'boolean', const: true },
  },
} as const

const flushed = {
  type: 'object',
  required: ['name', 'confirmed'],
  properties: { name: text, confirmed: flag, entries: count, reason: text },
} as const

export const flushReplySchema = {
  type: 'object',
  required: ['complete', 'copies', 'dovecots'],
  properties: {
    complete: flag,
    copies: { type: 'array', items: flushed },
    dovecots: { type: 'array', items: flushed },
    trouble: text,
  },
} as const

const share = {
  type: 'object',
  required: ['entries', 'bytes', 'evictions'],
  properties: { entries: count, bytes: count, evictions: count },
} as const

const counts = {
  sizeBytes: count,
  hits: count,
  negativeHits: count,
  misses: count,
  expired: count,
  staleServed: count,
  fastVerifications: count,
  positiveInserts: count,
  positiveBytes: count,
  negativeInserts: count,
  negativeBytes: count,
} as const

export const cacheStatusSchema = {
  type: 'object',
  required: ['copies'],
  properties: {
    copies: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: text,
          stats: { type: 'object', properties: { ...counts, positive: share, negative: share } },
        },
      },
    },
    trouble: text,
  },
} as const

export const statusQuerySchema = {
  type: 'object',
  additionalProperties: false,
  properties: { reset: { type: 'string', enum: ['', 'true', 'false', 'yes', 'no'] } },
} as const

interface FlushRequest {
  readonly users?: readonly string[]
  readonly all?: true
}

/** Mounts them. What is not complete is 503 with the same body: some copy or Dovecot may go on with what it had. */
export function adminCacheRoutes(
  app: FastifyInstance,
  { services: { caches } }: { readonly services: Services },
): void {
  const status = async (reset: boolean) => {
    const asked = await caches.status({ reset })
    const complete = asked.trouble === undefined && asked.copies.every(({ stats }) => stats)
    return { code: complete ? (200 as const) : (503 as const), asked }
  }
  const statusReplies = { 200: cacheStatusSchema, 503: cacheStatusSchema }

  app.get('/v1/admin/cache', { schema: { response: statusReplies } }, async (_request, reply) => {
    const { code, asked } = await status(false)
    return reply.code(code).send(asked)
  })

  app.post<{ Querystring: { reset?: string } }>(
    '/v1/admin/cache/status',
    { schema: { querystring: statusQuerySchema, response: statusReplies } },
    async (request, reply) => {
      const { reset = 'no' } = request.query
      const { code, asked } = await status(['', 'true', 'yes'].includes(reset))
      return reply.code(code).send(asked)
    },
  )

  app.post<{ Body: FlushRequest }>(
    '/v1/admin/cache/flush',
    { schema: { body: flushRequestSchema, response: { 200: flushReplySchema, 503: flushReplySchema } } },
    async (request, reply) => {
      const { users, all } = request.body
      if ((users === undefined) === (all === undefined)) {
        return reply
          .code(400)
          .send({ error: 'bad_request', message: 'the body needs users, or all' } as never)
      }
      const flushed = await caches.flush(users ?? [])
      return reply.code(flushed.complete ? 200 : 503).send(flushed)
    },
  )
}
