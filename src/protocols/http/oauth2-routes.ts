// What Dovecot's oauth2 passdb calls with `grant_url`: the same question as /v1/passdb/verify, asked from inside its
// auth process, without Lua and without workers.

import { Buffer } from 'node:buffer'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Services } from '../services.js'
import type { AddressTrust } from './client-address.js'
import { type Form, parseFormBody } from './form-body.js'
import { createOauth2ClientCheck, type Oauth2ClientSettings } from './oauth2-client.js'
import { formatGrant, grantReplySchema, isTrouble, PLACEHOLDER } from './oauth2-reply.js'
import { toGrant } from './oauth2-request.js'
import { noteVerdict } from './watch-requests.js'

export interface Oauth2RoutesOptions {
  readonly services: Services
  readonly settings: Oauth2ClientSettings
  readonly mayStateAddress: AddressTrust
}

/** Mounts the grant and the introspection. Forms are read here and nowhere else, and nothing but forms. */
export function oauth2Routes(
  app: FastifyInstance,
  { services, settings, mayStateAddress }: Oauth2RoutesOptions,
): void {
  const { auth } = services
  const client = createOauth2ClientCheck(settings)
  readFormsOnly(app)
  app.setErrorHandler(errorHandler(services))
  app.post<{ Body: Form }>(
    '/oauth2/token',
    { schema: { response: { 200: grantReplySchema } } },
    async (request, reply) => {
      const form = formOf(request)
      if (refusesCaller(request, form, reply)) return reply
      const asked = toGrant(form, request.headers)
      if ('error' in asked) return refuse(reply, 400, asked.error, asked.description)
      const { grant } = asked
      const outcome = await auth.authenticate(grant.request, grant.password)
      noteVerdict(reply.raw, outcome.result)
      if (isTrouble(outcome)) return trouble(reply)
      // RFC 6749, section 5.1: what stands in a token reply is not to be kept on the way.
      return reply.header('cache-control', 'no-store').send(formatGrant(outcome, grant.username))
    },
  )

  app.post<{ Body: Form }>('/oauth2/introspect', async (request, reply) => {
    const form = formOf(request)
    if (refusesCaller(request, form, reply)) return reply
    const token = form.get('token')
    if (token === undefined) return refuse(reply, 400, 'invalid_request', 'token is missing')
    // Dovecot asks about it only when it is set up to look for other attributes than the grant's reply has. That is
    // no verdict on a user whose password was right a moment ago.
    if (token === PLACEHOLDER) return refuse(reply, 400, 'invalid_request', whyNoIntrospection)
    return { active: false }
  })

  /** Whether the caller may not ask; then the reply is sent. In the handler, where the form is: a hook costs a promise. */
  function refusesCaller(
    { socket, headers }: Pick<FastifyRequest, 'socket' | 'headers'>,
    form: Form,
    reply: FastifyReply,
  ): boolean {
    // Dovecot states the client's address with every grant.
    if (!mayStateAddress(socket.remoteAddress)) {
      refuse(reply, 403, 'unauthorized_client', 'this caller is not among trusted_networks')
      return true
    }
    if (client.mayAsk(form, headers.authorization)) return false
    refuse(reply.header('www-authenticate', 'Basic realm="homing"'), 401, 'invalid_client')
    return true
  }
}

const whyNoIntrospection =
  'the reply to the grant holds everything: set username_attribute = user and active_attribute = active'

const noForm: Form = new Map()

/** Without a body there is no form either. */
function formOf({ body }: { body: Form | undefined }): Form {
  return body ?? noForm
}

function readFormsOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer' },
    (_request, bytes, done) => {
      const parsed = parseFormBody(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes))
      if ('malformed' in parsed) done(Object.assign(new Error(parsed.malformed), { statusCode: 400 }))
      else done(null, parsed.form)
    },
  )
}

/** RFC 6749, section 5.2. To Dovecot each of them is a temporary failure; only `invalid_grant` would not be. */
function refuse(reply: FastifyReply, status: number, error: string, description?: string): FastifyReply {
  return reply
    .code(status)
    .send(description === undefined ? { error } : { error, error_description: description })
}

function trouble(reply: FastifyReply): FastifyReply {
  return refuse(reply, 503, 'temporarily_unavailable')
}

function errorHandler(services: Services) {
  return (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const status = error.statusCode ?? 500
    if (status >= 400 && status < 500) return refuse(reply, status, 'invalid_request', error.message)
    services.reportBug('oauth2', error)
    return trouble(reply)
  }
}
