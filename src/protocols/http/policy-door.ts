// The auth-policy server: what Dovecot's auth_policy_server_url and weakforced's clients speak.

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Body } from '../../policy/read-request.js'
import type { Services } from '../services.js'
import { createKeyCheck } from './caller.js'
import { createAddressTrust } from './client-address.js'
import type { DirectReply } from './direct/direct-reply.js'
import type { DirectRequest } from './direct/direct-request.js'
import type { Door } from './door.js'
import { parseJsonBody } from './json-body.js'
import { type CommandReply, policyCommands } from './policy-commands.js'
import { actorOf } from './write-request.js'

export const policyDoor: Door = {
  name: 'policy',
  listenSetting: 'policy_listen',
  secretSettings: ['policy_api_key'],
  mount(app, { services, settings, trust, direct }) {
    const mayStateAddress = createAddressTrust(() => settings.trusted_networks, trust)
    const mayAsk = createKeyCheck(() => settings.policy_api_key)
    app.addHook('onRequest', (request, reply, done) => {
      if (mayAsk(request.headers)) return done()
      send(reply.header('www-authenticate', 'Basic realm="homing"'), {
        code: 401,
        body: { status: 'failure', reason: 'the key is missing or wrong' },
      })
    })
    app.addHook('onRequest', (request, reply, done) => {
      // Whatever is asked here states the address of a client.
      if (mayStateAddress(request.socket.remoteAddress)) return done()
      send(reply, {
        code: 403,
        body: { status: 'failure', reason: 'this caller is not among trusted_networks' },
      })
    })
    app.setErrorHandler(errorHandler(services))
    policyRoutes(app, services)
    for (const name of askedAtEveryLogin) {
      const answer = (request: DirectRequest, peer: string | undefined) =>
        mayAsk(request.headers) && mayStateAddress(peer) ? answerDirectly(services, name, request) : undefined
      direct?.set(`/command/${name}`, answer)
      direct?.set(`/?command=${name}`, answer)
    }
  },
}

const askedAtEveryLogin = ['allow', 'report'] as const
const JSON_TYPE = 'application/json'

/** As the route answers; undefined where it would say what is wrong with the body. */
function answerDirectly(
  { policy, reportBug }: Services,
  name: (typeof askedAtEveryLogin)[number],
  { headers, body }: DirectRequest,
): Promise<DirectReply> | undefined {
  const command = policyCommands[name]
  if (headers['content-type'] !== JSON_TYPE || !policy || !command) return undefined
  const parsed = parseJsonBody(body)
  if ('malformed' in parsed) return undefined
  // Who asks counts only for what is written, and nothing is here.
  const asked = command.run(policy, parsed.body as Body, '', Math.floor(Date.now() / 1000))
  return asked.then(directReply, error => {
    reportBug('policy', error)
    return directReply(internalError)
  })
}

const directReply = ({ code = 200, body }: CommandReply): DirectReply => ({
  status: code,
  contentType: JSON_TYPE,
  body: JSON.stringify(body),
})

const internalError: CommandReply = { code: 500, body: { status: 'failure', reason: 'internal error' } }

/** `/?command=NAME` and `/command/NAME`. */
function policyRoutes(app: FastifyInstance, services: Services): void {
  const answer = async (name: string | undefined, request: FastifyRequest, reply: FastifyReply) => {
    const command =
      name !== undefined && Object.hasOwn(policyCommands, name) ? policyCommands[name] : undefined
    const { policy } = services
    if (!command || !policy)
      return send(reply, { code: 404, body: { status: 'failure', reason: 'no such command' } })
    if (command.method === 'POST' && request.method === 'GET') {
      return send(reply, { code: 405, body: { status: 'failure', reason: 'this command is a POST' } })
    }
    const body = (request.body ?? {}) as Body
    return send(reply, await command.run(policy, body, actorOf(request), Math.floor(Date.now() / 1000)))
  }
  for (const method of ['GET', 'POST'] as const) {
    app.route<{ Querystring: { command?: string } }>({
      method,
      url: '/',
      handler: (request, reply) => answer(request.query.command, request, reply),
    })
    app.route<{ Params: { name: string } }>({
      method,
      url: '/command/:name',
      handler: (request, reply) => answer(request.params.name, request, reply),
    })
  }
}

/** Without its own serializer Fastify adds a charset to the media type, which some clients compare to the letter. */
function send(reply: FastifyReply, { code = 200, body }: CommandReply): FastifyReply {
  return reply.code(code).header('content-type', JSON_TYPE).serializer(JSON.stringify).send(body)
}

function errorHandler(services: Services) {
  return (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const status = error.statusCode ?? 500
    if (status >= 500) services.reportBug('policy', error)
    const reason = status >= 500 ? 'internal error' : error.message
    return send(reply, { code: status, body: { status: 'failure', reason } })
  }
}
