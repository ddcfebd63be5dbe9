// Is the process alive, should it get traffic, what has it done: no secrets, no topology, no token needed.

import type { FastifyInstance } from 'fastify'
import type { Services } from '../services.js'

/**
 * `/livez`: the event loop turns. `/readyz`: 503 only while stopping; a database that is down makes it
 * `degraded`, not unready, since an honest temporary failure from us beats an empty balancer.
 */
export function healthRoutes(app: FastifyInstance, { services }: { services: Services }): void {
  app.get('/livez', async () => ({ status: 'alive' }))

  app.get('/readyz', async (_request, reply) => {
    const status = await services.readiness()
    return reply.code(status === 'stopping' ? 503 : 200).send({ status })
  })

  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await services.metrics()
    return reply.type(contentType).send(text)
  })
}
