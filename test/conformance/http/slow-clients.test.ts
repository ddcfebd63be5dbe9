// Who sends slowly, or not at all, takes nobody else's place.

import { connect, type Socket } from 'node:net'
import t from 'tap'
import { type Listener, openListener } from './listener.js'

const settings = { http_request_timeout: 500 }
const body = JSON.stringify({ user: 'anna@example.org', password: 'secret' })
const head = `POST /v1/passdb/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`

t.test('headers that never end are given up, and so is a body', async t => {
  const listener = await openListener(() => ({ result: 'user_unknown' }), { settings })
  t.teardown(listener.close)
  const startedAt = performance.now()
  const answers = await Promise.all([
    untilClosed(listener, 'POST /v1/pass'),
    untilClosed(listener, head),
    untilClosed(listener, `${head}\r\n${body.slice(0, 10)}`),
  ])
  const took = performance.now() - startedAt
  for (const answer of answers) t.match(answer, /^HTTP\/1\.1 408 /)
  t.ok(took > 400 && took < 4000, `after ${took.toFixed(0)} ms`)
})

t.test('beside hundreds of idle connections a good request is answered at once', async t => {
  const listener = await openListener(() => ({ result: 'user_unknown' }), { settings })
  const idle = Array.from({ length: 500 }, () => connect(listener.port, '127.0.0.1'))
  t.teardown(async () => {
    for (const socket of idle) socket.destroy()
    await listener.close()
  })
  await Promise.all(idle.map(opened))
  const startedAt = performance.now()
  const response = await fetch(`${listener.url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  t.equal(response.status, 200)
  t.ok(performance.now() - startedAt < 1000)
})

t.test('a body that says it is short and is not ends the connection, not the service', async t => {
  const listener = await openListener(() => ({ result: 'user_unknown' }), { settings })
  t.teardown(listener.close)
  const answer = await untilClosed(listener, `${head}\r\n${body}${'x'.repeat(100_000)}`)
  t.match(answer, /HTTP\/1\.1 400 /)
})

t.test('a chunked body without an end is cut at the limit', async t => {
  const listener = await openListener(() => ({ result: 'user_unknown' }), { settings })
  t.teardown(listener.close)
  const chunked = `POST /v1/passdb/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
  const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
  t.match(await untilClosed(listener, chunked + chunk.repeat(8)), /^HTTP\/1\.1 413 /)
})

function untilClosed({ port }: Listener, bytes: string): Promise<string> {
  return new Promise(resolve => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('latin1')
    socket.on('data', text => {
      received += text
    })
    // What the server still holds unread of ours comes back as a reset; the answer came before it.
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
    socket.setTimeout(5000, () => socket.destroy())
  })
}

function opened(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve())
    socket.once('error', reject)
  })
}
