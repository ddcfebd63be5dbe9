// A unix socket: whom its permissions let in may also see what is stored.

import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { AuthOutcome } from '../../src/auth/auth-outcome.js'
import { type HttpAddress, openHttpListener } from '../../src/protocols/http/listen.js'
import type { Services } from '../../src/protocols/services.js'
import { settings } from '../conformance/http/listener.js'
import { noCaches } from '../unit/cache/no-caches.js'

const folder = mkdtempSync(join(tmpdir(), 'homing-socket-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const stored = { password: '{PLAIN}secret' }

const outcome: AuthOutcome = {
  result: 'ok',
  user: 'anna',
  fields: new Map(),
  credentials: { stored: stored.password },
  trace: [],
}

const services: Services = {
  auth: {
    authenticate: async () => outcome,
    lookupPassdb: async () => outcome,
    lookupUserdb: async () => ({ result: 'ok', user: 'anna', fields: new Map() }),
    async *listUsers() {},
  },
  caches: noCaches,
  readiness: async () => 'ready',
  metrics: async () => ({ contentType: 'text/plain', text: '' }),
  reportBug: () => {},
}

t.test('it has the permissions that were asked for, answers, and goes when the listener closes', async t => {
  const path = join(folder, 'http.sock')
  const listener = await open({ kind: 'unix', path }, { unix_listener_mode: '0600' })
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal((await lookup({ socketPath: path })).result, 'ok')
  await listener.close(1000)
  t.notOk(existsSync(path))
})

t.test(
  'a stored hash is shown over a unix socket and to who has the token, not on a bare loopback port',
  async t => {
    const path = join(folder, 'hash.sock')
    const unix = await open({ kind: 'unix', path })
    const bare = await open({ kind: 'tcp', host: '127.0.0.1', port: 0 })
    const guarded = await open({ kind: 'tcp', host: '127.0.0.1', port: 0 }, { api_token: 'sesame' })
    t.teardown(() => Promise.all([unix, bare, guarded].map(listener => listener.close(1000))))
    t.same((await lookup({ socketPath: path })).fields, stored)
    t.same((await lookup({ port: portOf(bare.address) })).fields, {})
    const headers = { authorization: 'Bearer sesame' }
    t.same((await lookup({ port: portOf(guarded.address), headers })).fields, stored)
  },
)

t.test('a socket that a dead process left behind is replaced', async t => {
  const path = join(folder, 'stale.sock')
  const dead = createServer().listen(path)
  await new Promise(resolve => dead.once('listening', resolve))
  // Closing would remove the file; a process that is killed leaves it.
  const listener = await leftBehind(dead, path, () => open({ kind: 'unix', path }))
  t.equal((await lookup({ socketPath: path })).result, 'ok')
  await listener.close(1000)
})

t.test('a socket on which another process answers is an error that names it', async t => {
  const path = join(folder, 'busy.sock')
  const first = await open({ kind: 'unix', path })
  await t.rejects(open({ kind: 'unix', path }), {
    message: `${path} is in use: another process answers there`,
  })
  t.equal((await lookup({ socketPath: path })).result, 'ok', 'the first goes on')
  await first.close(1000)
})

t.test('a file that is no socket is left alone', async t => {
  const path = join(folder, 'letters.txt')
  writeFileSync(path, 'dear Anna')
  await t.rejects(open({ kind: 'unix', path }), { message: /letters\.txt cannot be a unix socket/ })
  t.ok(existsSync(path))
})

function open(address: HttpAddress, more: Partial<typeof settings> = {}) {
  return openHttpListener(services, { ...settings, ...more }, address)
}

async function leftBehind<T>(
  server: ReturnType<typeof createServer>,
  path: string,
  next: () => Promise<T>,
): Promise<T> {
  const { linkSync, renameSync } = await import('node:fs')
  linkSync(path, `${path}.kept`)
  await new Promise(resolve => server.close(resolve))
  renameSync(`${path}.kept`, path)
  return next()
}

function portOf(address: HttpAddress): number {
  return address.kind === 'tcp' ? address.port : 0
}

interface Target {
  readonly socketPath?: string
  readonly port?: number
  readonly headers?: Record<string, string>
}

function lookup({ headers, ...target }: Target): Promise<{ result: string; fields: Record<string, string> }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...target,
        method: 'POST',
        path: '/v1/passdb/lookup',
        headers: { 'content-type': 'application/json', ...headers },
      },
      response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve(JSON.parse(text)))
      },
    )
    sent.on('error', reject)
    sent.end(JSON.stringify({ user: 'anna' }))
  })
}
