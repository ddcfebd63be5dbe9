// Whatever a caller sends gets its exact answer, and the next good request is answered.

import t from 'tap'
import { type Listener, openListener, sendRaw } from './listener.js'

const accounts = new Map([['anna@example.org', '{PLAIN}secret']])
const good = { user: 'anna@example.org', password: 'secret' }
const ok = { result: 'ok', user: 'anna@example.org', fields: { nodelay: 'y' } }

interface Row {
  readonly title: string
  readonly body?: string | Buffer
  readonly json?: unknown
  readonly headers?: Record<string, string>
  readonly status: number
  readonly reply: unknown
}

const malformed = (message: string) => ({ error: 'bad_request', message })
const unknown = (user: string) => ({ result: 'user_unknown', user, fields: {} })
const withUser = (user: string) => ({ user, password: 'secret' })

const rows: readonly Row[] = [
  { title: 'no body', body: '', status: 400, reply: malformed('the body is not valid JSON') },
  {
    title: 'half a body',
    body: '{"user":"anna',
    status: 400,
    reply: malformed('the body is not valid JSON'),
  },
  {
    title: 'a byte order mark',
    body: `\ufeff${JSON.stringify(good)}`,
    status: 400,
    reply: malformed('the body is not valid JSON'),
  },
  { title: 'NaN', body: '{"user":NaN}', status: 400, reply: malformed('the body is not valid JSON') },
  { title: 'an array', json: [good], status: 400, reply: malformed('the body is not a JSON object') },
  { title: 'null', json: null, status: 400, reply: malformed('the body is not a JSON object') },
  { title: 'a text', json: 'anna', status: 400, reply: malformed('the body is not a JSON object') },
  {
    title: 'no user',
    json: { password: 'secret' },
    status: 400,
    reply: malformed("body must have required property 'user'"),
  },
  {
    title: 'no password',
    json: { user: 'anna@example.org' },
    status: 400,
    reply: malformed("body must have required property 'password'"),
  },
  {
    title: 'a number as user',
    json: { ...good, user: 7 },
    status: 400,
    reply: malformed('body/user must be string'),
  },
  {
    title: 'null as user',
    json: { ...good, user: null },
    status: 400,
    reply: malformed('body/user must be string'),
  },
  {
    title: 'an object as user',
    json: { ...good, user: { $ne: '' } },
    status: 400,
    reply: malformed('body/user must be string'),
  },
  {
    title: 'an array as password',
    json: { ...good, password: ['secret'] },
    status: 400,
    reply: malformed('body/password must be string'),
  },
  {
    title: 'a text as skip_password_check',
    json: { ...good, skip_password_check: 'yes' },
    status: 400,
    reply: malformed('body/skip_password_check must be boolean'),
  },
  {
    title: 'an address that is none',
    json: { ...good, remote_ip: '198.51.100.7; DROP' },
    status: 400,
    reply: malformed('body/remote_ip must be an IP address'),
  },
  {
    title: 'a key twice',
    body: '{"user":"anna@example.org","user":"bob@example.org","password":"secret"}',
    status: 400,
    reply: malformed('a key stands in the body twice'),
  },
  {
    title: 'a key twice, once escaped',
    body: '{"user":"anna@example.org","us\\u0065r":"bob@example.org","password":"x"}',
    status: 400,
    reply: malformed('a key stands in the body twice'),
  },
  {
    title: '__proto__',
    body: '{"user":"anna@example.org","password":"secret","__proto__":{"result":"ok"}}',
    status: 400,
    reply: malformed('the body has a key that is not allowed'),
  },
  {
    title: 'depth',
    body: `{"user":"anna@example.org","password":"secret","x":${'['.repeat(30000)}${']'.repeat(30000)}}`,
    status: 200,
    reply: ok,
  },
  {
    title: 'keys that nobody knows',
    json: { ...good, colour: 'blue', constructor: 1 },
    status: 200,
    reply: ok,
  },
  {
    title: 'a body over 64 KiB',
    json: withUser('a'.repeat(64 * 1024)),
    status: 413,
    reply: { error: 'too_large', message: 'Request body is too large' },
  },
  {
    title: 'a very long user',
    json: withUser('a'.repeat(60_000)),
    status: 200,
    reply: unknown('a'.repeat(60_000)),
  },
  { title: 'an empty user', json: withUser(''), status: 200, reply: unknown('') },
  {
    title: 'NUL in the user',
    json: withUser('anna@example.org\0'),
    status: 200,
    reply: unknown('anna@example.org\0'),
  },
  {
    title: 'TAB in the user',
    json: withUser('anna\t@example.org'),
    status: 200,
    reply: unknown('anna\t@example.org'),
  },
  {
    title: 'LF in the user',
    json: withUser('anna@example.org\nproxy=y'),
    status: 200,
    reply: unknown('anna@example.org\nproxy=y'),
  },
  {
    title: 'invalid UTF-8 in the user',
    body: Buffer.concat([
      Buffer.from('{"user":"anna'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('","password":"secret"}'),
    ]),
    status: 200,
    reply: unknown('anna\ufffd\ufffd'),
  },
  {
    title: 'a lone surrogate in the user',
    body: '{"user":"anna\\ud800","password":"secret"}',
    status: 200,
    reply: unknown('anna\ud800'),
  },
  { title: 'a template as user', json: withUser('%{sha512:x}'), status: 200, reply: unknown('%{sha512:x}') },
  { title: 'SQL as user', json: withUser("' OR '1'='1"), status: 200, reply: unknown("' OR '1'='1") },
  { title: 'a property name as user', json: withUser('__proto__'), status: 200, reply: unknown('__proto__') },
  { title: 'capitals in the user', json: withUser('Anna@Example.ORG'), status: 200, reply: ok },
  {
    title: 'TAB in the password',
    json: { ...good, password: 'sec\tret' },
    status: 200,
    reply: unknown('anna@example.org'),
  },
  {
    title: 'NUL after the right password',
    json: { ...good, password: 'secret\0' },
    status: 200,
    reply: unknown('anna@example.org'),
  },
  {
    title: 'an empty password',
    json: { ...good, password: '' },
    status: 200,
    reply: { result: 'password_mismatch', user: 'anna@example.org', fields: {} },
  },
  {
    title: 'form data',
    body: 'user=anna',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    status: 415,
    reply: { error: 'unsupported_media_type', message: 'Unsupported Media Type' },
  },
  {
    title: 'text',
    body: JSON.stringify(good),
    headers: { 'content-type': 'text/plain' },
    status: 415,
    reply: { error: 'unsupported_media_type', message: 'Unsupported Media Type' },
  },
  {
    title: 'a type that only begins like JSON',
    body: JSON.stringify(good),
    headers: { 'content-type': 'application/jsonx' },
    status: 415,
    reply: { error: 'unsupported_media_type', message: 'Unsupported Media Type' },
  },
  {
    title: 'two types',
    body: JSON.stringify(good),
    headers: { 'content-type': 'text/plain, application/json' },
    status: 415,
    reply: { error: 'unsupported_media_type', message: 'Unsupported Media Type' },
  },
  {
    title: 'JSON with a charset',
    body: JSON.stringify(good),
    headers: { 'content-type': 'application/json; charset=utf-8' },
    status: 200,
    reply: ok,
  },
]

t.test('each bad request has its exact answer, and the next good one is answered', async t => {
  const listener = await openListener(lookup)
  t.teardown(listener.close)
  for (const row of rows) {
    t.test(row.title, async t => {
      const answer = await post(listener, row.body ?? JSON.stringify(row.json), row.headers)
      t.same(answer, { status: row.status, reply: row.reply })
      t.same(await post(listener, JSON.stringify(good)), { status: 200, reply: ok })
    })
  }
  t.same(listener.bugs, [], 'none of them was a bug')
})

t.test(
  'with every character allowed, names that cannot be are still unknown and never looked up',
  async t => {
    const asked: string[] = []
    const listener = await openListener(
      user => {
        asked.push(user)
        return { result: 'user_unknown' }
      },
      { usernameChars: '' },
    )
    t.teardown(listener.close)
    for (const user of ['a\0b', 'a\tb', 'a\nb', 'a\rb', 'a\x01b', 'a\x7fb', '', 'x'.repeat(256)]) {
      const { reply } = await post(listener, JSON.stringify({ user, password: 'secret' }))
      t.equal((reply as { result: string }).result, 'user_unknown')
    }
    t.same(asked, [])
    for (const user of ["o'brien@x", 'müller@x', '%{user}', '${x}', '{{x}}', '../../etc']) {
      await post(listener, JSON.stringify({ user, password: 'secret' }))
    }
    t.same(
      asked,
      ["o'brien@x", 'müller@x', '%{user}', '${x}', '{{x}}', '../../etc'],
      'others arrive byte for byte',
    )
  },
)

t.test('a password that is no UTF-8 keeps its bytes', async t => {
  const listener = await openListener(() => ({
    result: 'ok',
    credentials: { stored: '{PLAIN}gr\xfc\xdfe' },
    fields: new Map(),
  }))
  t.teardown(listener.close)
  const latin1 = Buffer.from('{"user":"anna@example.org","password":"gr\xfc\xdfe"}', 'latin1')
  t.match(await post(listener, latin1), { status: 200, reply: { result: 'ok' } })
})

t.test('bytes that are no HTTP end the connection and nothing else', async t => {
  const listener = await openListener(lookup)
  t.teardown(listener.close)
  const body = JSON.stringify(good)
  const requests = [
    'GARBAGE\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    `POST /v1/passdb/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST /v1/passdb/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n${body}`,
    `POST /v1/passdb/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
  ]
  for (const request of requests) {
    t.match(await sendRaw(listener.port, request), /^HTTP\/1\.1 400 /)
    t.same(await post(listener, body), { status: 200, reply: ok })
  }
})

t.test('a caller without the token gets 401 and learns nothing', async t => {
  const listener = await openListener(lookup, { settings: { api_token: 'open sesame' } })
  t.teardown(listener.close)
  const unauthorized = {
    status: 401,
    reply: { error: 'unauthorized', message: 'the API token is missing or wrong' },
  }
  const body = JSON.stringify(good)
  t.same(await post(listener, body), unauthorized)
  t.same(await post(listener, body, { authorization: 'Bearer wrong' }), unauthorized)
  t.same(await post(listener, body, { authorization: 'Basic b3BlbiBzZXNhbWU=' }), unauthorized)
  t.same(await post(listener, body, { authorization: 'Bearer open sesame' }), { status: 200, reply: ok })
  t.equal((await fetch(`${listener.url}/livez`)).status, 200, 'health needs no token')
  t.equal((await fetch(`${listener.url}/v1/userdb/users`)).status, 401)
})

t.test('a token is right as HTTP carries it, whatever is in it and around it', async t => {
  const listener = await openListener(lookup, { settings: { api_token: 'geheim für alle \n \t \n next\t' } })
  t.teardown(listener.close)
  const statusOf = async (token: string) => {
    const authorization = Buffer.from(`Bearer ${token}`).toString('latin1')
    return (await post(listener, JSON.stringify(good), { authorization })).status
  }
  for (const token of ['geheim für alle', 'geheim für alle ', 'next', 'next\t']) {
    t.equal(await statusOf(token), 200, JSON.stringify(token))
  }
  for (const token of ['', ' ', '\t', 'geheim fur alle', 'next next']) {
    t.equal(await statusOf(token), 401, JSON.stringify(token))
  }
})

t.test('an exception is a temporary failure and is reported', async t => {
  const listener = await openListener(() => {
    throw new Error('a bug in a driver')
  })
  t.teardown(listener.close)
  t.same(await post(listener, JSON.stringify(good)), {
    status: 503,
    reply: { result: 'internal_failure', user: 'anna@example.org', fields: {} },
  })
  t.match(listener.events, [{ result: 'internal_failure', cause: { message: 'a bug in a driver' } }])
})

t.test('a path that nobody can read is named without repeating it', async t => {
  const listener = await openListener(lookup)
  t.teardown(listener.close)
  for (const path of ['/v1/%zz', '/v1/userdb/users/%', '/%ff?user=anna']) {
    const answer = await sendRaw(listener.port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    t.match(answer, /^HTTP\/1\.1 400 /, path)
    t.equal(answer.slice(answer.indexOf('{')), '{"error":"bad_request","message":"the path cannot be read"}')
  }
})

t.test('an unknown path is 404', async t => {
  const listener = await openListener(lookup)
  t.teardown(listener.close)
  t.equal((await fetch(`${listener.url}/v1/passdb`)).status, 404)
  t.equal((await fetch(`${listener.url}/v1/passdb/verify`)).status, 404)
})

function lookup(user: string) {
  const stored = accounts.get(user)
  if (stored === undefined) return { result: 'user_unknown' as const }
  return { result: 'ok' as const, credentials: { stored }, fields: new Map([['nodelay', 'y']]) }
}

async function post(
  listener: Listener,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<{ status: number; reply: unknown }> {
  const response = await fetch(`${listener.url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
  return { status: response.status, reply: await response.json() }
}
