// The policy's lists under /v1/admin/lists: whom it always lets in (`allow`), and whom never (`block`).

import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ListDesk, ListRefusal } from '../../policy/list-desk.js'
import type { ListName } from '../../policy/policy-lists.js'
import type { Services } from '../services.js'
import { pageToken, readPageToken } from './page-token.js'
import { actorOf, keyReused, onceOf, unlessUnavailable } from './write-request.js'

const text = { type: 'string' } as const
const network = { type: 'string', minLength: 1, maxLength: 64 } as const
const login = { type: 'string', minLength: 1, maxLength: 1024 } as const
const seconds = { type: 'integer', minimum: 1 } as const

export const newListEntrySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    network,
    login,
    reason: { type: 'string', maxLength: 255 },
    expires: seconds,
    for_seconds: seconds,
  },
} as const

const entry = { list: text, network: text, login: text, reason: text, expires: { type: 'integer' } } as const

export const listEntrySchema = {
  type: 'object',
  required: ['list', 'reason'],
  properties: { ...entry, replaced: { type: 'boolean' } },
} as const

export const removedListEntrySchema = {
  type: 'object',
  required: ['removed'],
  properties: {
    removed: {
      type: 'object',
      required: ['list'],
      properties: { list: text, network: text, login: text },
    },
  },
} as const

export const listPageSchema = {
  type: 'object',
  required: ['entries'],
  properties: {
    entries: { type: 'array', items: { type: 'object', required: ['list', 'reason'], properties: entry } },
    next: text,
  },
} as const

export const pageQuerySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'string', pattern: '^(?:[1-9][0-9]{0,2}|1000)$' },
    after: { type: 'string', maxLength: 2048 },
  },
} as const

export const listSubjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { network, login },
} as const

const LIMIT = '100'

type Page = { readonly limit?: string; readonly after?: string }
type Subject = { readonly network?: string; readonly login?: string }
type NewEntry = Subject & {
  readonly reason?: string
  readonly expires?: number
  readonly for_seconds?: number
}

/** Mounts them. */
export function adminListRoutes(
  app: FastifyInstance,
  { services: { lists } }: { readonly services: Services },
): void {
  if (lists === undefined) return
  mountList(app, lists, 'allow')
  mountList(app, lists, 'block')
}

function mountList(app: FastifyInstance, desk: ListDesk, list: ListName): void {
  const path = `/v1/admin/lists/${list}`

  app.get<{ Querystring: Page }>(
    path,
    { schema: { querystring: pageQuerySchema, response: { 200: listPageSchema } } },
    async (request, reply) => {
      const { limit = LIMIT, after } = request.query
      const place = after === undefined ? undefined : readPageToken(after, ['string', 'string'])
      if (after !== undefined && place === undefined)
        return refuse(reply, 400, 'after is no next of this list')
      const page = await unlessUnavailable(
        reply,
        desk.page({
          list,
          limit: Number(limit),
          ...(place && { after: { network: place[0], login: place[1] } }),
        }),
      )
      if (page === undefined) return reply
      const { entries, next } = page
      return { entries, ...(next && { next: pageToken([next.network, next.login]) }) }
    },
  )

  app.post<{ Body: NewEntry }>(
    path,
    { schema: { body: newListEntrySchema, response: { 200: listEntrySchema, 201: listEntrySchema } } },
    async (request, reply) => {
      const { for_seconds: forSeconds, ...wanted } = request.body
      if (forSeconds !== undefined && wanted.expires !== undefined) {
        return refuse(reply, 422, 'expires and for_seconds contradict each other')
      }
      const until = forSeconds === undefined ? {} : { expires: Math.floor(Date.now() / 1000) + forSeconds }
      const write = { by: actorOf(request), ...onceOf(request) }
      const put = await unlessUnavailable(reply, desk.put(list, { ...wanted, ...until }, write))
      if (put === undefined) return reply
      if ('refused' in put) return refused(reply, put)
      return reply.code(put.replaced ? 200 : 201).send({ ...put.entry, replaced: put.replaced })
    },
  )

  app.delete<{ Querystring: Subject }>(
    path,
    { schema: { querystring: listSubjectSchema, response: { 200: removedListEntrySchema } } },
    async (request, reply) => {
      const write = { by: actorOf(request), ...onceOf(request) }
      const gone = await unlessUnavailable(reply, desk.remove(list, request.query, write))
      if (gone === undefined) return reply
      return 'refused' in gone ? refused(reply, gone) : reply.send(gone)
    },
  )
}

function refused(reply: FastifyReply, refusal: ListRefusal): FastifyReply {
  if (refusal.refused === 'wrong') return refuse(reply, 422, refusal.why)
  if (refusal.refused === 'key_reused') return reply.code(422).send(keyReused as never)
  return reply.code(404).send({ error: 'not_found', message: 'that is not on this list' } as never)
}

function refuse(reply: FastifyReply, code: 400 | 422, message: string): FastifyReply {
  return reply.code(code).send({ error: code === 400 ? 'bad_request' : 'wrong', message } as never)
}
