// The auth-policy door as Dovecot and weakforced's clients meet it.

import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { createPolicy, type Policy, type Verdict } from '../../../src/policy/policy.js'
import { createPolicyLists } from '../../../src/policy/policy-lists.js'
import { createPolicyServer } from '../../../src/policy/policy-server.js'
import type { StoredLists } from '../../../src/policy/stored-lists.js'
import { createHttpServer } from '../../../src/protocols/http/http-server.js'
import { policyDoor } from '../../../src/protocols/http/policy-door.js'
import { noCaches } from '../../unit/cache/no-caches.js'
import { defaults } from '../../unit/policy/simulation.js'
import { sendRaw, settings } from './listener.js'

function listsInMemory(): StoredLists {
  const lists = createPolicyLists(() => Math.floor(Date.now() / 1000))
  const same = (a: object, b: object) => JSON.stringify(key(a)) === JSON.stringify(key(b))
  const key = ({ list, network, login }: { list?: string; network?: string; login?: string }) => [
    list,
    network,
    login,
  ]
  const all = () => [...lists.all('allow'), ...lists.all('block')]
  return {
    lists,
    put: async entry => {
      lists.replace([...all().filter(other => !same(entry, other)), entry])
      return { outcome: 'added' }
    },
    remove: async entry => {
      lists.replace(all().filter(other => !same(entry, other)))
      return 'removed'
    },
    failure: () => '',
    follow: async () => {},
    close: () => {},
  }
}

interface DoorOptions {
  readonly apiKey?: string
  readonly allow?: () => Promise<Verdict>
  readonly trustedNetworks?: readonly string[]
}

function openDoor(t: Test, { apiKey = '', allow, trustedNetworks = [] }: DoorOptions = {}) {
  const stored = listsInMemory()
  const policy: Policy = createPolicy(defaults, { clock: performance, lists: stored.lists })
  const bugs: unknown[] = []
  const server = createPolicyServer(allow ? { ...policy, allow } : policy, stored, {
    refused: () => {},
    reportBug: (_where, error) => bugs.push(error),
    nameOf: login => login,
    whoseOf: ({ user, masterUser }) => masterUser ?? user.slice(user.indexOf('*') + 1),
  })
  const app = createHttpServer(
    {
      auth: {} as never,
      caches: noCaches,
      policy: server,
      readiness: async () => 'ready',
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      reportBug: (_where, error) => bugs.push(error),
    },
    { ...settings, policy_api_key: apiKey, trusted_networks: trustedNetworks },
    'tcp',
    undefined,
    policyDoor,
  )
  t.teardown(() => app.close())
  const ask = async (url: string, body?: unknown, headers: Record<string, string> = {}) => {
    const {
      statusCode,
      headers: heard,
      body: text,
    } = await app.inject({
      method: body === undefined ? 'GET' : 'POST',
      url,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: statusCode, type: heard['content-type'], text, json: () => JSON.parse(text) }
  }
  const listen = async () => Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
  return { ask, server, bugs, listen }
}

/** Bodies that Dovecot itself sent. */
const allow23 =
  '{"device_id":"","login":"user@ex.com","protocol":"imap","pwhash":"02ec","remote":"192.0.2.7","session_id":"SESS1","tls":false}'
const report24 =
  '{"device_id":"","fail_type":"credentials","login":"user@ex.com","protocol":"imap","pwhash":"02ec","remote":"192.0.2.7","session_id":"S1","success":false,"policy_reject":false,"tls":false}'

t.test("Dovecot's own bodies are answered under both addresses", async t => {
  const { ask } = openDoor(t)
  for (const url of ['/?command=allow', '/command/allow']) {
    const answer = await ask(url, allow23)
    t.equal(answer.status, 200)
    t.equal(answer.type, 'application/json', 'and nothing behind it')
    t.same(answer.json(), { status: 0, msg: '', r_attrs: {} })
  }
  for (const url of ['/?command=report', '/command/report']) {
    t.same((await ask(url, report24)).json(), { status: 'ok' })
  }
  t.match((await ask('/command/getDBStats', { login: 'USER@ex.com' })).json(), {
    login: 'user@ex.com',
    blacklisted: false,
    stats: { homing: { user_passwords: 1, user_failures: 1 } },
  })
})

t.test("a login that names a master counts as the master's", async t => {
  const { ask } = openDoor(t)
  const body = JSON.parse(report24) as object
  for (const login of ['user1*adm', 'user2*adm']) {
    await ask('/?command=report', { ...body, login, pwhash: login })
  }
  const counted = async (login: string) => (await ask('/command/getDBStats', { login })).json().stats.homing
  t.match(await counted('adm'), { user_passwords: 2 })
  t.match(await counted('user1'), { user_passwords: 0 })
  const asked = { ...body, login: 'user3', login_user: 'user3', user: 'adm', master_user: '', pwhash: '3' }
  await ask('/?command=allow', asked)
  t.match(await counted('adm'), { user_passwords: 3 })
  await ask('/?command=report', {
    ...asked,
    login_user: '',
    user: 'user3',
    master_user: 'adm',
    success: true,
  })
  t.match(await counted('adm'), { user_passwords: 2 }, 'a right password is forgiven')
  t.match(await counted('user3'), { user_passwords: 0 })
})

t.test('of a session only the beginning is remembered, however long its name', async t => {
  const { ask, server } = openDoor(t)
  const long = 'x'.repeat(60_000)
  await ask('/?command=allow', { ...(JSON.parse(allow23) as object), session_id: long })
  t.notOk(server.wasAskedAbout(long))
  t.ok(server.wasAskedAbout(long.slice(0, 64)))
})

t.test('every answer to allow is one that Dovecot cannot misread', async t => {
  const { ask } = openDoor(t)
  const odd = [
    '',
    'x',
    'ä'.repeat(3000),
    '\u0000',
    '::1',
    '::ffff:1.2.3.4',
    '999.1.1.1',
    '02EC',
    'z'.repeat(9999),
  ]
  const pick = () => odd[Math.floor(Math.random() * odd.length)]
  for (let n = 0; n < 1500; n++) {
    const body = {
      login: pick(),
      remote: n % 3 ? '192.0.2.1' : pick(),
      pwhash: n % 2 ? `${n}` : pick(),
      session_id: pick(),
    }
    const { status, type, json } = await ask('/?command=allow', body)
    const answer = json() as Record<string, unknown>
    const isRight =
      status === 200 &&
      type === 'application/json' &&
      Number.isInteger(answer.status) &&
      Number(answer.status) >= -1 &&
      Number(answer.status) <= 60 &&
      typeof answer.msg === 'string' &&
      answer.msg.length < 100
    if (!isRight) t.fail(JSON.stringify({ body, status, type, answer }))
  }
  t.pass('1500 answers')
})

t.test('without a verdict in time, or with a bug, the login goes on', async t => {
  const slow = openDoor(t, { allow: () => new Promise(() => {}) })
  const startedAt = performance.now()
  t.same((await slow.ask('/?command=allow', allow23)).json(), { status: 0, msg: '', r_attrs: {} })
  t.ok(performance.now() - startedAt < 250, 'within about 100 ms')
  t.equal(slow.server.counts().degraded, 1)
  const broken = openDoor(t, {
    allow: async () => {
      throw new Error('a bug')
    },
  })
  t.same((await broken.ask('/?command=allow', allow23)).json(), { status: 0, msg: '', r_attrs: {} })
  t.equal(broken.bugs.length, 1)
})

t.test('the key comes as X-API-Key, as the password of Basic, or as a Bearer token', async t => {
  const { ask } = openDoor(t, { apiKey: 'geheim\nnext \nschlüssel' })
  const basic = (password: string) => `Basic ${Buffer.from(`wforce:${password}`).toString('base64')}`
  const good = [
    { 'x-api-key': 'geheim' },
    { 'x-api-key': 'next' },
    { authorization: basic('geheim') },
    { authorization: basic('next') },
    { authorization: basic('schlüssel') },
    { authorization: 'Bearer geheim' },
    { 'x-api-key': Buffer.from('schlüssel').toString('latin1') },
  ]
  for (const headers of good) t.equal((await ask('/?command=allow', allow23, headers)).status, 200)
  const bad: Record<string, string>[] = [
    {},
    { 'x-api-key': '' },
    { 'x-api-key': 'geheim2' },
    { authorization: basic('x') },
    { authorization: 'geheim' },
  ]
  for (const headers of bad) {
    const answer = await ask('/?command=allow', allow23, headers)
    t.equal(answer.status, 401)
    t.match(answer.json(), { status: 'failure' })
  }
})

t.test('lists are kept, shown and obeyed', async t => {
  const { ask } = openDoor(t)
  const ok = { status: 'ok' }
  t.same((await ask('/command/ping')).json(), ok)
  const entries = [
    { ip: '203.0.113.7', expire_secs: 0, reason: 'for good' },
    { netmask: '2001:db8::/32', expire_secs: 3600, reason: 'a site' },
    { login: 'Anna', expire_secs: 3600, reason: 'gone' },
    { ip: '192.0.2.1', login: 'bert', expire_secs: 3600, reason: 'a pair' },
  ]
  for (const entry of entries) t.same((await ask('/command/addBLEntry', entry)).json(), ok)
  const never = { ip: '203.0.113.8', expire_secs: 9e15, reason: 'a date that nobody can write' }
  t.match((await ask('/command/addBLEntry', never)).json(), { status: 'failure', reason: /too late/ })
  t.match((await ask('/command/getBL')).json(), {
    bl_entries: [
      { ip: '203.0.113.7', expiration: '', reason: 'for good' },
      { netmask: '2001:db8:0:0:0:0:0:0/32' },
      { login: 'anna' },
      { iplogin: '192.0.2.1:bert' },
    ],
  })
  const verdict = async (login: string, remote: string) =>
    ((await ask('/command/allow', { login, remote, pwhash: '1' })).json() as { status: number }).status
  t.equal(await verdict('x', '::ffff:203.0.113.7'), -1)
  t.equal(await verdict('x', '2001:DB8:1::5'), -1)
  t.equal(await verdict('ANNA', '198.51.100.1'), -1)
  t.equal(await verdict('bert', '192.0.2.1'), -1)
  t.equal(await verdict('bert', '192.0.2.2'), 0)
  t.equal(await verdict('carl', '192.0.2.1'), 0)
  await ask('/command/addWLEntry', { login: 'carl', expire_secs: 0, reason: '' })
  t.equal(await verdict('carl', '203.0.113.7'), 0)
  t.match((await ask('/command/getWL')).json(), { wl_entries: [{ login: 'carl' }] })
  t.match((await ask('/command/getDBStats', { ip: '203.0.113.7' })).json(), {
    blacklisted: true,
    bl_reason: 'for good',
  })
  t.same((await ask('/command/delBLEntry', { ip: '203.0.113.7' })).json(), ok)
  t.equal(await verdict('x', '203.0.113.7'), 0)
  t.same((await ask('/command/delWLEntry', { login: 'carl' })).json(), ok)
  t.same((await ask('/command/reset', { login: 'x' })).json(), ok)
})

t.test('what is wrong is said as weakforced says it', async t => {
  const { ask } = openDoor(t)
  const cases: [string, unknown, number][] = [
    ['/?command=allow', '{', 400],
    ['/?command=allow', {}, 400],
    ['/?command=allow', { login: 5 }, 400],
    ['/?command=report', { login: 'x', pwhash: '1', remote: '192.0.2.1' }, 400],
    ['/?command=nonsense', {}, 404],
    ['/?command=constructor', {}, 404],
    ['/command/addBLEntry', { ip: '1.2.3', expire_secs: 1, reason: 'x' }, 400],
    ['/command/addBLEntry', { ip: '192.0.2.1', reason: 'x' }, 400],
    ['/command/addBLEntry', { expire_secs: 1, reason: 'x' }, 400],
    ['/command/reset', {}, 400],
    ['/command/allow', undefined, 405],
    ['/', {}, 404],
  ]
  for (const [url, body, status] of cases) {
    const answer = await ask(url, body)
    t.equal(answer.status, status, `${url} ${JSON.stringify(body)}`)
    t.match(answer.json(), { status: 'failure', reason: /./ })
  }
})

t.test(
  'a caller outside trusted_networks is refused: what it asks states the address of a client',
  async t => {
    const outside = openDoor(t, { trustedNetworks: ['192.0.2.10'] })
    const attempt = { login: 'anna', remote: '198.51.100.7', pwhash: '1234' }
    t.match(await outside.ask('/?command=allow', attempt), { status: 403 })
    t.match(await outside.ask('/?command=report', { ...attempt, success: false }), { status: 403 })
    const inside = openDoor(t, { trustedNetworks: ['127.0.0.1'] })
    t.match(await inside.ask('/?command=allow', attempt), { status: 200 })
  },
)

t.test('what comes whole is answered as what comes in pieces', async t => {
  const { listen, server, bugs } = openDoor(t, { apiKey: 'open sesame' })
  const port = await listen()
  const post = (url: string, body: string, key = 'open sesame') =>
    [
      `POST ${url} HTTP/1.1`,
      'Host: localhost',
      `X-API-Key: ${key}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n')
  const visible = (answer: string) =>
    answer
      .split('\r\n')
      .map(line => line.replace(/^[^:{]+:/, name => name.toLowerCase()))
      .filter(line => !/^(date|keep-alive):/.test(line))
      .sort()
  const rows = ['/?command=allow', '/command/allow', '/?command=report', '/command/report'].flatMap(url => [
    post(url, url.endsWith('allow') ? allow23 : report24),
    post(url, '{"login":7}'),
    post(url, '{'),
    post(url, allow23, 'wrong'),
  ])
  for (const bytes of [...rows, post('/?command=nothing', '{}'), post('/command/allow?x=1', allow23)]) {
    const [whole, pieces] = await Promise.all([sendRaw(port, bytes), inPieces(port, bytes)])
    t.match(whole, /^HTTP\/1\.1 [24]/)
    t.same(visible(whole), visible(pieces), bytes.slice(0, 60))
  }
  t.equal(server.counts().reports.failure, 4)
  t.same(bugs, [])
})

/** The first byte goes alone: then node:http reads the request. */
function inPieces(port: number, bytes: string): Promise<string> {
  return new Promise(resolve => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      socket.write(bytes.slice(0, 1))
      setTimeout(() => socket.write(bytes.slice(1)), 20)
    })
    socket.setEncoding('latin1').setTimeout(300, () => socket.destroy())
    socket.on('data', text => {
      received += text
    })
    socket.on('close', () => resolve(received))
  })
}
