// What Dovecot's oauth2 passdb calls with `grant_url`: the same question as /v1/passdb/verify, asked from inside its
// auth process, without Lua and without workers.

import { Buffer } from 'node:buffer'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Services } from '../services.js'
import type { AddressTrust } from './client-address.js'
import type { DirectReply } from './direct/direct-reply.js'
import type { DirectRequest } from './direct/direct-request.js'
import type { DirectAnswers } from './direct/direct-way.js'
import { type Form, parseFormBody, parseFormText } from './form-body.js'
import { createOauth2ClientCheck, type Oauth2ClientSettings } from './oauth2-client.js'
import { formatGrant, grantReplySchema, isTrouble, PLACEHOLDER } from './oauth2-reply.js'
import { type Grant, type Headers, type Malformed, toGrant } from './oauth2-request.js'
import { noteVerdict } from './watch-requests.js'

export interface Oauth2RoutesOptions {
  readonly services: Services
  readonly settings: Oauth2ClientSettings
  readonly mayStateAddress: AddressTrust
  readonly direct?: DirectAnswers | undefined
}

const GRANT_PATH = '/oauth2/token'

/** Mounts the grant and the introspection. Forms are read here and nowhere else, and nothing but forms. */
export function oauth2Routes(
  app: FastifyInstance,
  { services, settings, mayStateAddress, direct }: Oauth2RoutesOptions,
): void {
  const { auth } = services
  const client = createOauth2ClientCheck(settings)
  readFormsOnly(app)
  app.setErrorHandler(errorHandler(services))
  app.post<{ Body: Form }>(
    GRANT_PATH,
    { schema: { response: { 200: grantReplySchema } } },
    async (request, reply) => {
      const form = formOf(request)
      const refusal = refusalOf(request.socket.remoteAddress, request.headers, form)
      if (refusal) return refuse(reply, refusal)
      const asked = toGrant(form, request.headers)
      if ('error' in asked) return refuse(reply, { status: 400, ...asked })
      const { grant } = asked
      const outcome = await auth.authenticate(grant.request, grant.password)
      noteVerdict(reply.raw, outcome.result)
      if (isTrouble(outcome)) return trouble(reply)
      // RFC 6749, section 5.1: what stands in a token reply is not to be kept on the way.
      return reply.header('cache-control', 'no-store').send(formatGrant(outcome, grant.username))
    },
  )
  direct?.set(GRANT_PATH, (request, peer) => {
    const grant = plainGrant(request, peer)
    return grant && answerDirectly(grant)
  })

  app.post<{ Body: Form }>('/oauth2/introspect', async (request, reply) => {
    const form = formOf(request)
    const refusal = refusalOf(request.socket.remoteAddress, request.headers, form)
    if (refusal) return refuse(reply, refusal)
    const token = form.get('token')
    if (token === undefined) return refuse(reply, invalid(400, 'token is missing'))
    // Dovecot asks about it only when it is set up to look for other attributes than the grant's reply has. That is
    // no verdict on a user whose password was right a moment ago.
    if (token === PLACEHOLDER) return refuse(reply, invalid(400, whyNoIntrospection))
    return { active: false }
  })

  /** Why the caller may not ask. In the handler, where the form is: a hook costs a promise. */
  function refusalOf(peer: string | undefined, headers: Headers, form: Form): Refusal | undefined {
    // Dovecot states the client's address with every grant.
    if (!mayStateAddress(peer)) {
      const description = 'this caller is not among trusted_networks'
      return { status: 403, error: 'unauthorized_client', description }
    }
    const { authorization } = headers
    if (client.mayAsk(form, typeof authorization === 'string' ? authorization : undefined)) return undefined
    return { status: 401, error: 'invalid_client' }
  }

  /** What a caller asks who may and who makes no mistake; all others are told why by the route. */
  function plainGrant({ headers, bodyText }: DirectRequest, peer: string | undefined): Grant | undefined {
    if (headers['content-type'] !== FORM) return undefined
    const parsed = parseFormText(bodyText)
    if ('malformed' in parsed || refusalOf(peer, headers, parsed.form)) return undefined
    const asked = toGrant(parsed.form, headers)
    return 'grant' in asked ? asked.grant : undefined
  }

  async function answerDirectly({ request, password, username }: Grant): Promise<DirectReply> {
    try {
      const outcome = await auth.authenticate(request, password)
      const { result: verdict } = outcome
      if (isTrouble(outcome)) return { ...directTrouble, verdict }
      const body = JSON.stringify(formatGrant(outcome, username))
      return { status: 200, head: 'Cache-Control: no-store\r\n', contentType: JSON_TYPE, body, verdict }
    } catch (error) {
      services.reportBug('oauth2', error)
      return directTrouble
    }
  }
}

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json; charset=utf-8'

const whyNoIntrospection =
  'the reply to the grant holds everything: set username_attribute = user and active_attribute = active'

const noForm: Form = new Map()

/** Without a body there is no form either. */
function formOf({ body }: { body: Form | undefined }): Form {
  return body ?? noForm
}

function readFormsOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(FORM, { parseAs: 'buffer' }, (_request, bytes, done) => {
    const parsed = parseFormBody(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes))
    if ('malformed' in parsed) done(Object.assign(new Error(parsed.malformed), { statusCode: 400 }))
    else done(null, parsed.form)
  })
}

interface Refusal {
  readonly status: number
  readonly error: Malformed['error'] | 'unauthorized_client' | 'invalid_client' | 'temporarily_unavailable'
  readonly description?: string
}

function invalid(status: number, description: string): Refusal {
  return { status, error: 'invalid_request', description }
}

/** RFC 6749, section 5.2. To Dovecot each of them is a temporary failure; only `invalid_grant` would not be. */
function refuse(reply: FastifyReply, { status, error, description }: Refusal): FastifyReply {
  if (status === 401) reply.header('www-authenticate', 'Basic realm="homing"')
  return reply
    .code(status)
    .send(description === undefined ? { error } : { error, error_description: description })
}

const unavailable: Refusal = { status: 503, error: 'temporarily_unavailable' }
const directTrouble: DirectReply = {
  status: unavailable.status,
  contentType: JSON_TYPE,
  body: JSON.stringify({ error: unavailable.error }),
}

function trouble(reply: FastifyReply): FastifyReply {
  return refuse(reply, unavailable)
}

function errorHandler(services: Services) {
  return (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const status = error.statusCode ?? 500
    if (status >= 400 && status < 500) return refuse(reply, invalid(status, error.message))
    services.reportBug('oauth2', error)
    return trouble(reply)
  }
}
