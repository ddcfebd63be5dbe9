// SIGTERM: the balancer is told first, whoever has begun is answered, and the end is an orderly one.

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startHoming } from './homing.js'

t.test('on SIGTERM /readyz goes first, and until the listeners close everybody is answered', async t => {
  const homing = await startHoming({ config: 'shutdown_delay = "1 secs"' })
  t.teardown(homing.close)
  await homing.addAccounts({
    localUsers: [{ username: 'anna@x', password: '{PLAIN}secret', home: '/h', uid: 1, gid: 1 }],
  })
  t.same(await readyz(), { status: 200, body: { status: 'ready' } })

  const ended = homing.stop()
  await sleep(200)
  t.same(await readyz(), { status: 503, body: { status: 'stopping' } })
  t.match(await verify(), { result: 'ok' })
  await ended
  await t.rejects(readyz(), 'nobody listens any more')
  const lines = (await homing.log()).split('\n')
  t.ok(lines.some(line => line.includes('"stopping"')))
  t.notOk(lines.some(line => line.includes('"level":"error"')))

  async function readyz() {
    const response = await fetch(`${homing.url}/readyz`)
    return { status: response.status, body: await response.json() }
  }

  async function verify() {
    const response = await fetch(`${homing.url}/v1/passdb/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${homing.token}` },
      body: JSON.stringify({ user: 'anna@x', password: 'secret' }),
    })
    return response.json()
  }
})
