// The reference for the policy: Fastify routes that answer as it does, at once and without counting. Prints its port.

import Fastify from 'fastify'

const text = { type: 'string' } as const
const app = Fastify()
for (const [command, answer] of [
  ['allow', { status: 0, msg: '', r_attrs: {} }],
  ['report', { status: 'ok' }],
] as const) {
  app.post(
    `/command/${command}`,
    { schema: { body: { type: 'object', properties: { login: text, remote: text, pwhash: text } } } },
    async () => answer,
  )
}
await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 })
const address = app.server.address()
console.log(typeof address === 'object' && address ? address.port : 0)
