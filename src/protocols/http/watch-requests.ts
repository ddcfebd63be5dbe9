// Tells what a listener does: who is connected, what is answered and how long that takes, who is turned away.

import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { RequestWatch } from '../services.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The verdict that was sent, in Dovecot's words; empty: none. */
    verdict: string
  }
}

/** Health checks and metrics are not told of: a balancer that asks every second would be most of the traffic. */
const unwatched = new Set(['/livez', '/readyz', '/metrics'])

export function watchRequests(app: FastifyInstance, door: string, watch: RequestWatch | undefined): void {
  app.decorateRequest('verdict', '')
  if (!watch) return
  app.server.on('connection', (socket: Socket) => {
    watch.connected(door, 1)
    socket.once('close', () => watch.connected(door, -1))
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { verdict, routeOptions, socket } = request
    if (!unwatched.has(routeOptions.url ?? '')) {
      const seconds = reply.elapsedTime / 1000
      watch.answered({ door, status: reply.statusCode, seconds, ...(verdict !== '' && { verdict }) })
      if (reply.statusCode === 401 || reply.statusCode === 403) {
        watch.turnedAway(door, reply.statusCode, socket.remoteAddress)
      }
    }
    done()
  })
}
