// What auth.lua calls: may this user log in, where to, and as whom is the mail read?

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingRequest } from '../../auth/auth.js'
import type { AuthOutcome } from '../../auth/auth-outcome.js'
import { Password } from '../../model/password.js'
import type { Services } from '../services.js'
import type { CallerCheck } from './caller.js'
import { type AddressTrust, addressOfUntrusted } from './client-address.js'
import type { DirectAnswer } from './direct/direct-connection.js'
import type { DirectReply } from './direct/direct-reply.js'
import type { DirectAnswers } from './direct/direct-way.js'
import { type BodyEncoding, parseJsonBody } from './json-body.js'
import { passwordBytes, toIncomingRequest } from './lookup-request.js'
import {
  isLookupRequest,
  isVerifyRequest,
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
  readonly caller: CallerCheck
  readonly mayStateAddress: AddressTrust
  readonly direct?: DirectAnswers | undefined
}

const VERIFY_PATH = '/v1/passdb/verify'
const LOOKUP_PATH = '/v1/passdb/lookup'
const USERDB_PATH = '/v1/userdb/lookup'

const passdbReplies = { 200: passdbReplySchema, 503: passdbReplySchema }
const userdbReplies = { 200: userdbReplySchema, 503: userdbReplySchema }

/** Mounts the three questions. Every verdict is 200 but `internal_failure`, which is 503 with the same body. */
export function passdbRoutes(
  app: FastifyInstance,
  { services, caller, mayStateAddress, direct }: PassdbRoutesOptions,
): void {
  const { auth } = services
  const toQuestion = createQuestions(mayStateAddress)
  const answer = createAnswer(toQuestion)
  const verifying = createVerifying(services)
  const lookingUp = async (incoming: IncomingRequest) => {
    const outcome = await auth.lookupPassdb(incoming)
    return caller.maySeeCredentials() ? withPassword(outcome) : outcome
  }

  app.post<{ Body: VerifyRequestBody }>(
    VERIFY_PATH,
    { schema: { body: verifyRequestSchema, response: passdbReplies } },
    (request, reply) => answer(request, request.body, reply, verifying(request.body, request.bodyEncoding)),
  )
  app.post<{ Body: LookupRequestBody }>(
    LOOKUP_PATH,
    { schema: { body: lookupRequestSchema, response: passdbReplies } },
    (request, reply) => answer(request, request.body, reply, lookingUp),
  )
  app.post<{ Body: LookupRequestBody }>(
    USERDB_PATH,
    { schema: { body: lookupRequestSchema, response: userdbReplies } },
    (request, reply) => answer(request, request.body, reply, auth.lookupUserdb),
  )
  direct?.set(VERIFY_PATH, plainly(VERIFY_PATH, isVerifyRequest, verifying))
  direct?.set(
    LOOKUP_PATH,
    plainly(LOOKUP_PATH, isLookupRequest, () => lookingUp),
  )
  direct?.set(
    USERDB_PATH,
    plainly(USERDB_PATH, isLookupRequest, () => auth.lookupUserdb),
  )

  /** Answers what a caller asks who may and who makes no mistake; all others are told why by the route. */
  function plainly<B extends LookupRequestBody>(
    path: string,
    isBody: (body: Readonly<Record<string, unknown>>) => body is B,
    asking: (body: B, encoding: BodyEncoding) => Ask,
  ): DirectAnswer {
    return ({ headers, body: bytes }, peer) => {
      if (headers['content-type'] !== 'application/json' || !caller.mayAsk(headers.authorization))
        return undefined
      const parsed = parseJsonBody(bytes)
      if ('malformed' in parsed || !isBody(parsed.body)) return undefined
      const { body, encoding } = parsed
      const question = toQuestion(body, encoding, peer)
      if (question === 'forbidden' || 'malformed' in question) return undefined
      return answerDirectly(path, headers.accept, () => asking(body, encoding)(question.request))
    }
  }

  async function answerDirectly(
    path: string,
    accept: string | undefined,
    ask: () => Promise<Verdict>,
  ): Promise<DirectReply> {
    try {
      return directReply(accept, await ask())
    } catch (error) {
      services.reportBug(`http ${path}`, error)
      return directReply(accept, { result: 'internal_failure', user: '', fields: new Map() })
    }
  }
}

type Ask = (incoming: IncomingRequest) => Promise<Verdict>

/** How a checked body's password is verified. */
function createVerifying({ auth, verify = auth.authenticate }: Services) {
  return (body: VerifyRequestBody, encoding: BodyEncoding) => {
    const password = new Password(passwordBytes(body.password, encoding))
    const ask = body.policy_checked ? auth.authenticate : verify
    return (incoming: IncomingRequest) => ask(incoming, password)
  }
}

/** As sendVerdict says it. */
function directReply(accept: string | undefined, verdict: Verdict): DirectReply {
  const { result, retryAfterSecs } = verdict
  const isForDovecot = wantsDovecotFields(accept)
  return {
    status: statusOf(verdict),
    head: retryAfterSecs === undefined ? '' : `Retry-After: ${retryAfterSecs}\r\n`,
    contentType: isForDovecot ? DOVECOT_FIELDS : 'application/json; charset=utf-8',
    body: isForDovecot ? formatDovecotFields(verdict) : JSON.stringify(formatJson(verdict)),
    verdict: result,
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the JSON body parser. */
    bodyEncoding: BodyEncoding
  }
}

/** A checked body → what the engine is asked, or why it is not. */
type ToQuestion = (
  stated: LookupRequestBody,
  encoding: BodyEncoding,
  peer: string | undefined,
) => { readonly request: IncomingRequest } | { readonly malformed: string } | 'forbidden'

function createQuestions(mayStateAddress: AddressTrust): ToQuestion {
  return (stated, encoding, peer) => {
    const own = mayStateAddress(peer) ? undefined : addressOfUntrusted(stated, peer)
    if (own === 'refused') return 'forbidden'
    return toIncomingRequest(own ? { ...stated, ...own } : stated, encoding)
  }
}

function createAnswer(toQuestion: ToQuestion) {
  return async (
    request: Pick<FastifyRequest, 'headers' | 'bodyEncoding' | 'socket'>,
    stated: LookupRequestBody,
    reply: FastifyReply,
    ask: Ask,
  ): Promise<FastifyReply> => {
    const question = toQuestion(stated, request.bodyEncoding, request.socket.remoteAddress)
    if (question === 'forbidden') {
      const message = 'this caller may not state the address of a client (trusted_networks)'
      return reply.code(403).send({ error: 'forbidden', message })
    }
    if ('malformed' in question) {
      return reply.code(400).send({ error: 'bad_request', message: question.malformed })
    }
    return sendVerdict(request, reply, await ask(question.request))
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
