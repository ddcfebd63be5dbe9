// The admin door: whom it lets in, and what the cache calls do.

import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { CacheControl } from '../../../src/cache/cache-control.js'
import { adminDoor } from '../../../src/protocols/http/admin-door.js'
import type { ListenerTrust } from '../../../src/protocols/http/caller.js'
import { createHttpServer } from '../../../src/protocols/http/http-server.js'
import type { HttpSettings } from '../../../src/protocols/http/http-settings.js'
import { settings } from './listener.js'

interface Asked {
  readonly flushed: (readonly string[])[]
  readonly resets: boolean[]
}

function openAdmin(
  t: Test,
  own: Partial<HttpSettings>,
  options: { readonly trust?: ListenerTrust; readonly complete?: boolean } = {},
): { app: FastifyInstance; asked: Asked } {
  const { trust = 'tcp', complete = true } = options
  const asked: Asked = { flushed: [], resets: [] }
  const caches: CacheControl = {
    flush: async masks => {
      asked.flushed.push(masks)
      return { complete, copies: [{ name: 'one', confirmed: complete, entries: 2 }], dovecots: [] }
    },
    status: async ({ reset }) => {
      asked.resets.push(reset)
      return { copies: [{ name: 'one' }], ...(complete ? {} : { trouble: 'down' }) }
    },
  }
  const services = {
    auth: {} as never,
    caches,
    readiness: async () => 'ready' as const,
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    reportBug: () => {},
  }
  const app = createHttpServer(services, { ...settings, ...own }, trust, { now: false }, adminDoor)
  t.teardown(() => app.close())
  return { app, asked }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const flush = (app: FastifyInstance, payload: object, headers = bearer('w')) =>
  app.inject({ method: 'POST', url: '/v1/admin/cache/flush', payload, headers })

t.test('tokens by role', async t => {
  const { app, asked } = openAdmin(t, { admin_token: 'w\nolder', admin_read_token: 'r' })
  const status = async (method: 'GET' | 'POST', url: string, headers: Record<string, string>) =>
    (await app.inject({ method, url, headers })).statusCode
  const [look, reset] = ['/v1/admin/cache', '/v1/admin/cache/status?reset']
  t.equal(await status('GET', look, {}), 401)
  t.equal(await status('GET', look, bearer('x')), 401)
  t.equal(await status('GET', look, bearer('')), 401)
  t.equal(await status('POST', reset, bearer('x')), 401)
  t.equal(await status('POST', reset, bearer('r')), 403)
  t.same(asked.resets, [], 'nobody has got in so far')
  t.equal(await status('GET', look, bearer('r')), 503, 'the copy of this test has no statistics')
  t.equal(await status('GET', look, bearer('w')), 503)
  t.equal(await status('POST', reset, bearer('w')), 503)
  t.equal(await status('POST', reset, bearer('older')), 503, 'two tokens overlap')
  t.same(asked.resets, [false, false, true, true])
  t.equal((await app.inject({ url: '/v1/passdb/verify', method: 'POST' })).statusCode, 404, 'no logins here')
  t.equal(await status('GET', '/readyz', {}), 200)
})

t.test('a token that is not set opens nothing', async t => {
  const readOnly = openAdmin(t, { admin_read_token: 'r' })
  t.equal((await flush(readOnly.app, { all: true }, bearer('r'))).statusCode, 403)
  t.equal((await flush(readOnly.app, { all: true }, bearer(''))).statusCode, 401)
  const writeOnly = openAdmin(t, { admin_token: 'w' }, { trust: 'unix-socket' })
  t.equal((await flush(writeOnly.app, { all: true }, bearer(''))).statusCode, 401, 'also on a unix socket')
  const open = openAdmin(t, {}, { trust: 'unix-socket' })
  t.equal((await flush(open.app, { all: true }, bearer(''))).statusCode, 200)
})

t.test('whom a flush means is said', async t => {
  const { app, asked } = openAdmin(t, { admin_token: 'w' })
  t.match((await flush(app, { users: ['anna', 'b*'] })).json(), { complete: true, copies: [{ entries: 2 }] })
  t.equal((await flush(app, { all: true })).statusCode, 200)
  t.same(asked.flushed, [['anna', 'b*'], []])
  for (const odd of [
    {},
    { users: [] },
    { users: [''] },
    { all: false },
    { all: true, users: ['a'] },
    { user: 'a' },
  ]) {
    t.equal((await flush(app, odd)).statusCode, 400, JSON.stringify(odd))
  }
  t.equal(asked.flushed.length, 2)
})

t.test('what is not complete is no success', async t => {
  const { app } = openAdmin(t, { admin_token: 'w' }, { complete: false })
  const flushed = await flush(app, { all: true })
  t.equal(flushed.statusCode, 503)
  t.match(flushed.json(), { complete: false, copies: [{ name: 'one', confirmed: false }] })
  const status = await app.inject({ url: '/v1/admin/cache', headers: bearer('w') })
  t.equal(status.statusCode, 503)
  t.match(status.json(), { trouble: 'down' })
})
