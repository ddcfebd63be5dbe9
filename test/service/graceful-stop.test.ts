// Whoever has begun to ask is answered, also while the service stops.

import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { openHttpListener } from '../../src/protocols/http/listen.js'
import type { Services } from '../../src/protocols/services.js'
import { settings } from '../conformance/http/listener.js'
import { noCaches } from '../unit/cache/no-caches.js'

const address = { kind: 'tcp' as const, host: '127.0.0.1', port: 0 }
const verdict = { result: 'ok' as const, user: 'anna', fields: new Map(), trace: [] }

t.test('a request that has begun is answered although the listener closes', async t => {
  let hasBegun = false
  const services = servicesThatTake(300, () => {
    hasBegun = true
  })
  const listener = await openHttpListener(services, settings, address)
  const port = portOf(listener.address)
  const answer = post(port, new Agent({ keepAlive: true }))
  while (!hasBegun) await sleep(10)
  await Promise.all([listener.close(5000), answer.then(status => t.equal(status, 200))])
})

t.test('a kept connection that sends just after the stop is answered, and told to go', async t => {
  const listener = await openHttpListener(servicesThatTake(0), settings, address)
  const port = portOf(listener.address)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.equal(await post(port, agent), 200)
  const closed = listener.close(5000)
  const { status, connection } = await postSeeing(port, agent)
  t.same({ status, connection }, { status: 200, connection: 'close' })
  await closed
  await t.rejects(post(port, new Agent()), { code: 'ECONNREFUSED' })
})

t.test('under load on kept connections not one request is lost', async t => {
  const listener = await openHttpListener(servicesThatTake(2), settings, address)
  const port = portOf(listener.address)
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const failures: unknown[] = []
  let answered = 0
  let stopped = false
  const callers = Array.from({ length: 32 }, async () => {
    while (!stopped) {
      try {
        t.equal(await post(port, agent), 200)
        answered++
      } catch (error) {
        // A connection that nobody listens for any more was never a request.
        if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return
        failures.push(error)
      }
    }
  })
  // Every caller has its connection by then: one that is still being made belongs to the kernel and not to us.
  while (answered < 500) await sleep(10)
  await listener.close(5000)
  stopped = true
  await Promise.all(callers)
  t.same(failures, [])
})

t.test('a request that never ends is cut off when the time is over', async t => {
  let hasBegun = false
  const services = servicesThatTake(60_000, () => {
    hasBegun = true
  })
  const listener = await openHttpListener(services, settings, address)
  const answer = post(portOf(listener.address), new Agent()).catch(error => error.code)
  while (!hasBegun) await sleep(10)
  const startedAt = performance.now()
  await listener.close(500)
  t.ok(performance.now() - startedAt < 2000)
  t.equal(await answer, 'ECONNRESET')
})

function servicesThatTake(ms: number, begun = () => {}): Services {
  const answer = async () => {
    begun()
    if (ms > 0) await sleep(ms, undefined, { ref: false })
    return verdict
  }
  return {
    auth: {
      authenticate: answer,
      lookupPassdb: answer,
      lookupUserdb: answer,
      async *listUsers() {},
    },
    caches: noCaches,
    readiness: async () => 'ready',
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    reportBug: () => {},
  }
}

function portOf(at: { kind: string; port?: number }): number {
  return at.port ?? 0
}

const post = async (port: number, agent: Agent) => (await postSeeing(port, agent)).status

function postSeeing(
  port: number,
  agent: Agent,
): Promise<{ status: number; connection?: string | undefined }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const sent = request({ port, agent, headers, method: 'POST', path: '/v1/passdb/verify' }, response => {
      response.resume()
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, connection: response.headers.connection }),
      )
    })
    sent.on('error', reject)
    sent.end(JSON.stringify({ user: 'anna', password: 'x' }))
  })
}
