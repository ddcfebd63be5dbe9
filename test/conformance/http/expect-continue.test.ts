// Who asks before sending a body is answered; Dovecot 2.3's Lua is told not to ask.

import t from 'tap'
import { type Listener, openListener, sendRaw } from './listener.js'

const body = JSON.stringify({ user: 'anna@example.org', password: 'secret' })

function request(userAgent: string, ...more: string[]): string {
  const head = [
    'POST /v1/passdb/verify HTTP/1.1',
    'Host: localhost',
    `User-Agent: ${userAgent}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    ...more,
  ]
  return `${head.join('\r\n')}\r\n\r\n`
}

t.test('whoever asks may send the body', async t => {
  const { port } = await open(t)
  const answer = await sendRaw(port, request('curl/7.88.1', 'Expect: 100-continue') + body)
  t.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
  t.match(answer, '"result":"ok"')
})

t.test('Dovecot 2.3 is told not to ask, and answered when it does not', async t => {
  const { port, events } = await open(t)
  const refused = await sendRaw(port, request('dovecot-2.3 auth.lua', 'Expect: 100-continue'))
  t.match(
    refused,
    /^HTTP\/1\.1 417 .*\r\n(.+\r\n)*connection: close\r\n(.+\r\n)*\r\n$/i,
    'and nothing after it',
  )
  t.match(refused, /content-length: 0/i)
  t.same(events, [], 'no question has been asked')
  t.match(await sendRaw(port, request('dovecot-2.3 auth.lua') + body), /^HTTP\/1\.1 200 OK\r\n/)
  t.equal(events.length, 1)
})

async function open(t: { teardown(close: () => Promise<void>): void }): Promise<Listener> {
  const listener = await openListener(() => ({
    result: 'ok',
    credentials: { stored: '{PLAIN}secret' },
    fields: new Map(),
  }))
  t.teardown(() => listener.close())
  return listener
}
