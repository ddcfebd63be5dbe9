// What has fooled others: content types that skip the validation, headers that smuggle, lengths and depths that are lies.

import t from 'tap'
import { type Listener, openListener, sendRaw } from '../conformance/http/listener.js'

const known = { result: 'ok' as const, credentials: { stored: '{PLAIN}right' }, fields: new Map() }
const lookup = (user: string) => (user === 'anna@example.org' ? known : { result: 'user_unknown' as const })
const good = JSON.stringify({ user: 'anna@example.org', password: 'right' })

/** One request, to the letter; the status and the body of its answer. */
async function ask(
  { port }: Pick<Listener, 'port'>,
  headers: readonly string[],
  body: string,
  length: number | string = Buffer.byteLength(body),
): Promise<{ status: number; text: string }> {
  const head = ['POST /v1/passdb/verify HTTP/1.1', 'Host: x', 'Connection: close', ...headers]
  const received = await sendRaw(
    port,
    `${head.join('\r\n')}\r\nContent-Length: ${length}\r\n\r\n${body}`,
    1500,
  )
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(received)?.[1] ?? 0), text: received }
}

const json = 'Content-Type: application/json'

t.test('whatever the type says: what is parsed is validated, and all else is 415', async t => {
  const listener = await openListener(lookup)
  t.teardown(listener.close)
  const types = [
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json ; charset=utf-8',
    'application/json\t; charset=utf-8',
    'application/json\ta',
    'application/json; charset=utf-8; a=b',
    ' application/json',
    'application/json garbage',
    'application/json, text/plain',
    'application/jsonx',
    'application/json/',
    'application/json;',
    'application /json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain; application/json',
    'text/json',
    '*/*',
    'json',
    '',
    '"application/json"',
    'application/json%00',
    'application/json\x0b',
    '__proto__',
    'constructor/prototype',
    'application/vnd.api+json',
  ]
  const invalid = '{"user":{"$ne":""},"password":["right"]}'
  let parsed = 0
  for (const type of types) {
    const { status, text } = await ask(listener, [`Content-Type: ${type}`], invalid)
    t.ok([400, 415].includes(status), `${JSON.stringify(type)}: ${status}`)
    if (text.includes('must be string')) parsed++
    t.ok([200, 400, 415].includes((await ask(listener, [`Content-Type: ${type}`], good)).status))
  }
  t.ok(parsed >= 4, 'some of them are JSON')
  t.match(await ask(listener, [], invalid), { status: 415 }, 'without a type')
  t.match(await ask(listener, [json, 'Content-Type: text/plain'], invalid), { status: 400 }, 'two types')
  t.same(listener.bugs, [])
})

t.test('no header says who a user is, where a client is, or that a caller may ask', async t => {
  const listener = await openListener(lookup, { settings: { api_token: 'sesame' } })
  t.teardown(listener.close)
  const bearer = 'Authorization: Bearer sesame'
  const smuggled = ['X-Forwarded-For', 'X_Forwarded_For', 'X-Real-IP', 'X_Real_IP', 'Forwarded', 'Client-IP']
  for (const name of smuggled) {
    for (const value of ['198.51.100.7', 'for=198.51.100.7', '198.51.100.7, 127.0.0.1']) {
      t.match(await ask(listener, [json, bearer, `${name}: ${value}`], good), { status: 200 })
    }
  }
  const users = [
    'X-User',
    'X_User',
    'X-Forwarded-User',
    'X_Remote_User',
    'Remote-User',
    'X-Forwarded-Uri',
    'User',
  ]
  for (const name of users) {
    const { text } = await ask(listener, [json, bearer, `${name}: bert@example.org`], good)
    t.match(text, /"user":"anna@example\.org"/, name)
  }
  t.ok(listener.events.every(({ remoteIp }) => remoteIp === undefined || remoteIp.startsWith('127.')))
  t.ok(listener.events.every(({ user }) => user === 'anna@example.org'))

  const before = listener.events.length
  const strangers = [
    ['Author_ization: Bearer sesame'],
    ['Authorization_: Bearer sesame'],
    ['X-Authorization: Bearer sesame'],
    ['Proxy-Authorization: Bearer sesame'],
    ['Authorization: Bearer wrong', bearer],
    ['Authorization: Bearer wrong, Bearer sesame'],
    ['Authorization: Bearer'],
    ['Authorization: Bearer sesame\tx'],
    ['X-HTTP-Method-Override: GET', 'X-Original-URL: /livez'],
  ]
  for (const headers of strangers) {
    t.match(await ask(listener, [json, ...headers], good), { status: 401 }, headers.join(' and '))
  }
  t.equal(listener.events.length, before, 'nobody was looked up for them')
})

t.test('lengths of nothing, of 2^31 and beyond', async t => {
  const listener = await openListener(lookup)
  t.teardown(listener.close)
  const answers: [length: string, body: string, status: number[]][] = [
    ['0', '', [400]],
    ['00', '', [400]],
    ['2147483647', good, [413]],
    ['2147483648', good, [413]],
    ['4294967296', good, [413]],
    ['4294967354', good, [413]],
    ['9223372036854775807', good, [413]],
    ['18446744073709551616', good, [400, 413]],
    ['-1', good, [400]],
    ['+58', good, [400]],
    ['0x3a', good, [400]],
    ['5e1', good, [400]],
    ['1, 1', good, [400]],
  ]
  for (const [length, body, statuses] of answers) {
    const { status } = await ask(listener, [json], body, length)
    t.ok(statuses.includes(status), `${length}: ${status}`)
    t.match(await ask(listener, [json], good), { status: 200 })
  }
})

t.test('JSON as deep as 100,000 is answered in time, or is 400', async t => {
  const listener = await openListener(lookup, { settings: { http_request_body_limit: 4 << 20 } })
  t.teardown(listener.close)
  const deep = 100_000
  const nested = [
    `${'['.repeat(deep)}${']'.repeat(deep)}`,
    `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`,
    `${'[{"a":'.repeat(deep)}1${'}]'.repeat(deep)}`,
  ]
  for (const value of nested) {
    for (const body of [
      `{"user":"anna@example.org","password":"right","x":${value}}`,
      `{"user":${value},"password":"right"}`,
      value,
      value.slice(0, deep),
    ]) {
      const before = performance.now()
      const answer = await fetch(`${listener.url}/v1/passdb/verify`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      t.ok([200, 400].includes(answer.status), `${answer.status}`)
      t.ok(performance.now() - before < 1000, 'in time')
    }
  }
  t.match(await ask(listener, [json], good), { status: 200 })
  t.same(listener.bugs, [])
})
