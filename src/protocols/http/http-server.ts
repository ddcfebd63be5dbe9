// One Fastify per listener, with the routes of its door mounted on it.

import { Buffer } from 'node:buffer'
import type { Server } from 'node:https'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { Services } from '../services.js'
import type { ListenerTrust } from './caller.js'
import { openDirectWay } from './direct/direct-way.js'
import type { Door } from './door.js'
import type { DoorTls } from './door-tls.js'
import { answerExpectations } from './expect-continue.js'
import { healthRoutes } from './health-routes.js'
import type { HttpSettings } from './http-settings.js'
import { parseJsonBody } from './json-body.js'
import { passdbDoor } from './passdb-door.js'
import { sendVerdict } from './passdb-routes.js'
import { watchRequests } from './watch-requests.js'

/** Whether a listener is about to close: then every reply asks its caller to connect anew, elsewhere. */
export interface Closing {
  now: boolean
  /** Ends every connection at once. Set by the server. */
  cutOff?: () => void
}

/** The app of one listener, ready to listen; `trust` says what kind of address it will listen on. */
export function createHttpServer(
  services: Services,
  settings: HttpSettings,
  trust: ListenerTrust,
  closing: Closing = { now: false },
  door: Door = passdbDoor,
  tls?: DoorTls,
): FastifyInstance {
  const app: FastifyInstance = Fastify({
    ...(tls && { https: { ...tls.serverOptions, handshakeTimeout: settings.http_request_timeout } as never }),
    bodyLimit: settings.http_request_body_limit,
    requestTimeout: settings.http_request_timeout,
    keepAliveTimeout: settings.http_keep_alive_timeout,
    http: { headersTimeout: settings.http_request_timeout, connectionsCheckingInterval: 1000 },
    // A 503 while we drain would be a temporary failure to somebody whom we can still answer.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: (error, _request, reply) => refusePath(error, reply as unknown as FastifyReply),
    // A column may be a text or a number: Ajv would say beside the log that it does not like that.
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allowUnionTypes: true,
      },
    },
  })
  tls?.serve(app.server as unknown as Server)
  const direct = tls
    ? undefined
    : openDirectWay(app, {
        bodyLimit: settings.http_request_body_limit,
        firstRequestMs: settings.http_request_timeout,
        keepAliveMs: settings.http_keep_alive_timeout,
        isClosing: () => closing.now,
        answered: ({ status, verdict }, ms) =>
          services.watch?.answered({
            door: door.name,
            status,
            seconds: ms / 1000,
            ...(verdict !== undefined && { verdict }),
          }),
      })
  closing.cutOff = () => {
    direct?.destroyAll()
    app.server.closeAllConnections()
  }
  watchRequests(app, door.name, services.watch)
  answerExpectations(app.server)
  readJsonOnly(app)
  app.addHook('onRequest', (_request, reply, done) => {
    if (closing.now) reply.header('connection', 'close')
    done()
  })
  app.setErrorHandler(errorHandler(services))
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'not_found', message: 'no such method and path' }),
  )

  healthRoutes(app, { services })
  app.register(async behindDoor =>
    door.mount(behindDoor, { services, settings, trust, direct: direct?.answers }),
  )
  return app
}

/** JSON and nothing else: what is parsed is validated, and everything that is not JSON is 415. */
function readJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.decorateRequest('bodyEncoding', 'utf8')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    const parsed = parseJsonBody(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes))
    if ('malformed' in parsed) return done(badRequest(parsed.malformed))
    request.bodyEncoding = parsed.encoding
    done(null, parsed.body)
  })
}

function badRequest(message: string): FastifyError {
  return Object.assign(new Error(message), { name: 'BadRequest', code: 'ERR_BAD_REQUEST', statusCode: 400 })
}

/** The router's own answer would repeat the path, and have another form than all others. */
function refusePath({ statusCode = 400 }: FastifyError, reply: FastifyReply): void {
  const message = statusCode === 414 ? 'a part of the path is too long' : 'the path cannot be read'
  reply.code(statusCode).send({ error: 'bad_request', message })
}

const errorWords: Readonly<Record<number, string>> = {
  400: 'bad_request',
  413: 'too_large',
  415: 'unsupported_media_type',
}

/** What the caller got wrong is named; everything else is our bug and reads as `internal_failure`. */
function errorHandler(services: Services) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const status = error.statusCode ?? 500
    if (status >= 400 && status < 500) {
      return reply.code(status).send({ error: errorWords[status] ?? 'refused', message: error.message })
    }
    services.reportBug(`http ${request.routeOptions.url ?? 'unknown route'}`, error)
    return sendVerdict(request, reply, { result: 'internal_failure', user: '', fields: new Map() })
  }
}
