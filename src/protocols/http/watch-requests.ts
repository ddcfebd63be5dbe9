// Tells what a listener does: who is connected, what is answered and how long that takes, who is turned away.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { RequestWatch } from '../services.js'

/** Health checks and metrics are not told of: a balancer that asks every second would be most of the traffic. */
const unwatched = new Set(['/livez', '/readyz', '/metrics'])

const VERDICT = Symbol('verdict')
type Answer = ServerResponse & { [VERDICT]?: string }

/** Notes the verdict that is being sent, in Dovecot's words. */
export function noteVerdict(response: ServerResponse, verdict: string): void {
  const answer: Answer = response
  answer[VERDICT] = verdict
}

/** On Node's own events: a hook of Fastify's (onResponse) would take a tenth of a request. */
export function watchRequests(app: FastifyInstance, door: string, watch: RequestWatch | undefined): void {
  if (!watch) return
  app.server.on('connection', (socket: Socket) => {
    watch.connected(door, 1)
    socket.once('close', () => watch.connected(door, -1))
  })
  app.server.on('request', (request: IncomingMessage, response: Answer) => {
    if (unwatched.has(request.url ?? '')) return
    const startedAt = performance.now()
    // Read now: a peer that has hung up by the end of the answer has no address any more.
    const { remoteAddress: peer } = request.socket
    response.on('finish', () => {
      const { statusCode: status, [VERDICT]: verdict } = response
      const seconds = (performance.now() - startedAt) / 1000
      watch.answered({ door, status, seconds, ...(verdict !== undefined && { verdict }) })
      if (status === 401 || status === 403) watch.turnedAway(door, status, peer)
    })
  })
}
