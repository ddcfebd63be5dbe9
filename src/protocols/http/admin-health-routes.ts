// How each part of this copy is, under /v1/admin/health. Balancers and monitors ask /readyz.

import type { FastifyInstance } from 'fastify'
import { healthSchema } from '../../telemetry/service-health.js'
import type { Services } from '../services.js'

/** Mounts it. It is answered with 200 however the service is: the document says it. */
export function adminHealthRoutes(
  app: FastifyInstance,
  { services: { health } }: { readonly services: Services },
): void {
  if (health === undefined) return
  app.get('/v1/admin/health', { schema: { response: { 200: healthSchema } } }, () => health())
}
