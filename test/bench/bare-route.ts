// The reference: a Fastify route with the same schemas that answers at once, from a Map. Prints its port.

import Fastify from 'fastify'
import {
  passdbReplySchema,
  type VerifyRequestBody,
  verifyRequestSchema,
} from '../../src/protocols/http/passdb-schemas.js'

const fields = { proxy: 'y', host: 'backend1.example.com', port: '143', starttls: 'yes', nodelay: 'y' }
const app = Fastify()
app.post<{ Body: VerifyRequestBody }>(
  '/v1/passdb/verify',
  { schema: { body: verifyRequestSchema, response: { 200: passdbReplySchema } } },
  async ({ body }) => ({ result: 'ok', user: body.user, fields: { ...fields, destuser: body.user } }),
)
await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 })
const address = app.server.address()
console.log(typeof address === 'object' && address ? address.port : 0)
