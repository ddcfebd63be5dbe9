// What auth.lua calls: may this user log in, where to, and as whom is the mail read?

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingRequest } from '../../auth/auth.js'
import type { AuthOutcome } from '../../auth/auth-outcome.js'
import { Password } from '../../model/password.js'
import type { Services } from '../services.js'
import { type AddressTrust, addressOfUntrusted } from './client-address.js'
import type { BodyEncoding } from './json-body.js'
import { passwordBytes, toIncomingRequest } from './lookup-request.js'
import {
  type LookupRequestBody,
  lookupRequestSchema,
  passdbReplySchema,
  userdbReplySchema,
  type VerifyRequestBody,
  verifyRequestSchema,
} from './passdb-schemas.js'
import {
  DOVECOT_FIELDS,
  formatDovecotFields,
  formatJson,
  statusOf,
  type Verdict,
  wantsDovecotFields,
} from './reply.js'
import { noteVerdict } from './watch-requests.js'

export interface PassdbRoutesOptions {
  readonly services: Services
  /** Whether callers of this listener may be told a stored hash (caller.ts). */
  readonly maySeeCredentials: () => boolean
  readonly mayStateAddress: AddressTrust
}

const passdbReplies = { 200: passdbReplySchema, 503: passdbReplySchema }
const userdbReplies = { 200: userdbReplySchema, 503: userdbReplySchema }

/** Mounts the three questions. Every verdict is 200 but `internal_failure`, which is 503 with the same body. */
export function passdbRoutes(
  app: FastifyInstance,
  { services, maySeeCredentials, mayStateAddress }: PassdbRoutesOptions,
): void {
  const { auth, verify = auth.authenticate } = services
  const answer = createAnswer(mayStateAddress)

  app.post<{ Body: VerifyRequestBody }>(
    '/v1/passdb/verify',
    { schema: { body: verifyRequestSchema, response: passdbReplies } },
    (request, reply) => {
      const password = new Password(passwordBytes(request.body.password, request.bodyEncoding))
      const ask = request.body.policy_checked ? auth.authenticate : verify
      return answer(request, request.body, reply, incoming => ask(incoming, password))
    },
  )

  app.post<{ Body: LookupRequestBody }>(
    '/v1/passdb/lookup',
    { schema: { body: lookupRequestSchema, response: passdbReplies } },
    (request, reply) =>
      answer(request, request.body, reply, async incoming => {
        const outcome = await auth.lookupPassdb(incoming)
        return maySeeCredentials() ? withPassword(outcome) : outcome
      }),
  )

  app.post<{ Body: LookupRequestBody }>(
    '/v1/userdb/lookup',
    { schema: { body: lookupRequestSchema, response: userdbReplies } },
    (request, reply) => answer(request, request.body, reply, incoming => auth.lookupUserdb(incoming)),
  )
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the JSON body parser. */
    bodyEncoding: BodyEncoding
  }
}

function createAnswer(mayStateAddress: AddressTrust) {
  return async (
    request: Pick<FastifyRequest, 'headers' | 'bodyEncoding' | 'socket'>,
    stated: LookupRequestBody,
    reply: FastifyReply,
    ask: (incoming: IncomingRequest) => Promise<Verdict>,
  ): Promise<FastifyReply> => {
    const peer = request.socket.remoteAddress
    const own = mayStateAddress(peer) ? undefined : addressOfUntrusted(stated, peer)
    if (own === 'refused') {
      const message = 'this caller may not state the address of a client (trusted_networks)'
      return reply.code(403).send({ error: 'forbidden', message })
    }
    const parsed = toIncomingRequest(own ? { ...stated, ...own } : stated, request.bodyEncoding)
    if ('malformed' in parsed) {
      return reply.code(400).send({ error: 'bad_request', message: parsed.malformed })
    }
    return sendVerdict(request, reply, await ask(parsed.request))
  }
}

/** Sends a verdict in the form the caller asked for. */
export function sendVerdict(
  request: Pick<FastifyRequest, 'headers'>,
  reply: FastifyReply,
  verdict: Verdict,
): FastifyReply {
  noteVerdict(reply.raw, verdict.result)
  reply.code(statusOf(verdict))
  if (verdict.retryAfterSecs !== undefined) reply.header('retry-after', String(verdict.retryAfterSecs))
  if (!wantsDovecotFields(request.headers.accept)) return reply.send(formatJson(verdict))
  return reply.type(DOVECOT_FIELDS).serializer(String).send(formatDovecotFields(verdict))
}

function withPassword(outcome: AuthOutcome): Verdict {
  if (outcome.result !== 'ok' || !outcome.credentials) return outcome
  return { ...outcome, fields: new Map([['password', outcome.credentials.stored], ...outcome.fields]) }
}
