// Accounts under /v1/admin: each kind of account has the same five routes.

import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AccountDesk, DeskRefusal, Shown } from '../../accounts/account-desk.js'
import { type AccountKind, accountKinds } from '../../accounts/account-kinds.js'
import { DatabaseError } from '../../database/database-error.js'
import type { WriteTerms } from '../../database/write-terms.js'
import type { Services } from '../services.js'
import { actorOf, keyReused, onceOf, unlessUnavailable } from './write-request.js'

const text = { type: 'string' } as const
const scalar = { type: ['string', 'integer', 'boolean', 'null'] } as const

export const accountBodySchema = { type: 'object', additionalProperties: scalar } as const

export const accountReplySchema = {
  type: 'object',
  required: ['user', 'version'],
  properties: { user: text, version: text },
  additionalProperties: true,
} as const

export const accountsQuerySchema = {
  type: 'object',
  additionalProperties: false,
  properties: { mask: { type: 'string', maxLength: 1024 } },
} as const

export const deletedReplySchema = {
  type: 'object',
  required: ['deleted'],
  properties: { deleted: text },
} as const

type Body = Readonly<Record<string, string | number | boolean | null>>
type Params = { readonly user: string }

const pathOf = ({ command }: AccountKind): string => `/v1/admin/${command}s`

/** Mounts them for every kind. */
export function adminAccountRoutes(
  app: FastifyInstance,
  { services }: { readonly services: Services },
): void {
  const { deskOf } = services
  if (deskOf === undefined) return
  for (const kind of accountKinds) {
    mountKind(app, pathOf(kind), request => deskOf(kind, actorOf(request)), services)
  }
}

function mountKind(
  app: FastifyInstance,
  path: string,
  deskFor: (request: FastifyRequest) => AccountDesk,
  services: Services,
): void {
  const listed = { schema: { querystring: accountsQuerySchema } }
  const one = { schema: { response: { 200: accountReplySchema } } }
  const whole = { schema: { body: accountBodySchema, response: { 201: accountReplySchema } } }
  const part = { schema: { body: accountBodySchema, response: { 200: accountReplySchema } } }

  app.get<{ Querystring: { mask?: string } }>(path, listed, async (request, reply) => {
    const names = deskFor(request).list(request.query.mask ?? '*')
    const lines = jsonLines(names, error => services.reportBug('admin listing', error))
    // What fails before the first name can still be told.
    const first = await unlessUnavailable(reply, lines.next())
    if (first === undefined) return reply
    return reply.type('application/x-ndjson').send(Readable.from(allOf(first, lines)))
  })
  app.get<{ Params: Params }>(`${path}/:user`, one, (request, reply) =>
    answer(reply, 200, () => deskFor(request).show(request.params.user)),
  )
  app.post<{ Body: Body }>(path, whole, (request, reply) =>
    answer(reply, 201, () => deskFor(request).add(textsOf(request.body), termsOf(request))),
  )
  app.patch<{ Params: Params; Body: Body }>(`${path}/:user`, part, (request, reply) =>
    answer(reply, 200, () =>
      deskFor(request).change(request.params.user, textsOf(request.body), termsOf(request)),
    ),
  )
  app.delete<{ Params: Params }>(
    `${path}/:user`,
    { schema: { response: { 200: deletedReplySchema } } },
    (request, reply) =>
      answer(reply, 200, () => deskFor(request).delete(request.params.user, termsOf(request))),
  )
}

/** One name a line, each a JSON text; when the listing breaks off, the connection is cut before its last line break. */
async function* jsonLines(
  names: AsyncIterable<string>,
  broken: (error: unknown) => void,
): AsyncGenerator<string> {
  try {
    for await (const name of names) yield `${JSON.stringify(name)}\n`
  } catch (error) {
    if (!(error instanceof DatabaseError)) broken(error)
    throw error
  }
}

async function* allOf<T>(first: IteratorResult<T>, rest: AsyncIterable<T>): AsyncGenerator<T> {
  if (!first.done) yield first.value
  yield* rest
}

const statuses: Readonly<Record<DeskRefusal['refused'], readonly [status: number, message: string]>> = {
  wrong: [422, ''],
  busy: [503, ''],
  not_found: [404, 'there is no such account'],
  exists: [409, 'the account is there already'],
  several: [409, 'more than one row is this account; nothing was changed'],
  conflict: [412, 'the account is not of that version any more; nothing was changed'],
  key_reused: [422, keyReused.message],
}

async function answer(
  reply: FastifyReply,
  status: 200 | 201,
  ask: () => Promise<Shown | { readonly deleted: string }>,
): Promise<FastifyReply> {
  const outcome = await unlessUnavailable(reply, ask())
  if (outcome === undefined) return reply
  if ('refused' in outcome) {
    const [code, message] = statuses[outcome.refused]
    if (code === 503) reply.header('retry-after', '1')
    return reply
      .code(code)
      .send({ error: outcome.refused, message: 'why' in outcome ? outcome.why : message })
  }
  if ('deleted' in outcome) return reply.code(200).send(outcome)
  const { user, version, values } = outcome.account
  return reply
    .code(status)
    .header('etag', `"${version}"`)
    .send({ user, version, ...values })
}

/** An If-Match of `*` matches whatever is there, which is what happens without it. */
function termsOf(request: FastifyRequest): WriteTerms {
  const version = /^(?:W\/)?"?([0-9a-f]{32})"?$/.exec(request.headers['if-match'] ?? '')?.[1]
  return {
    ...(request.headers['if-match'] !== undefined && request.headers['if-match'] !== '*'
      ? // What is no version of ours is the version of nothing.
        { ifVersion: version ?? 'none' }
      : {}),
    ...onceOf(request),
  }
}

function textsOf(body: Body): ReadonlyMap<string, string> {
  return new Map(Object.entries(body).map(([name, value]) => [name, value === null ? '' : String(value)]))
}
