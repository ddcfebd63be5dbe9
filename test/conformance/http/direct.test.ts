// What is answered without node:http is answered as by node:http, and everything else still reaches it.

import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { PassdbLookup } from '../../../src/model/passdb.js'
import type { HttpSettings } from '../../../src/protocols/http/http-settings.js'
import { openHttpListener } from '../../../src/protocols/http/listen.js'
import { noCaches } from '../../unit/cache/no-caches.js'
import { settings as defaults, type Listener, openListener } from './listener.js'

const JSON_TYPE = 'application/json'
const FORM = 'application/x-www-form-urlencoded'
const TOKEN = 'Authorization: Bearer open-sesame'
const settings = { api_token: 'open-sesame' }
const PATIENCE_MS = 3000
const SILENCE_MS = 150
const client = 'client_id=dovecot&client_secret=open-sesame'

const post = (path: string, type: string, body: string, ...more: string[]) =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
    ...more,
    '',
    body,
  ].join('\r\n')
const ask = (path: string, question: object, ...more: string[]) =>
  post(path, JSON_TYPE, utf8(JSON.stringify(question)), TOKEN, ...more)
const verify = (question: object, ...more: string[]) => ask('/v1/passdb/verify', question, ...more)
const grant = (form: string, ...more: string[]) => post('/oauth2/token', FORM, form, ...more)
const utf8 = (text: string) => Buffer.from(text).toString('latin1')

const anna = { user: 'anna@example.org', password: 'secret', protocol: 'imap', remote_ip: '192.0.2.7' }
const annasGrant = `grant_type=password&username=anna%40example.org&password=secret&${client}`
const forDovecot = 'Accept: text/x-dovecot-fields'

const rows: Readonly<Record<string, string>> = {
  'a right password': verify(anna),
  'a right password, for Lua': verify(anna, forDovecot, 'User-Agent: dovecot-2.3 auth.lua'),
  'a wrong password': verify({ ...anna, password: 'Secret' }),
  'a wrong password, for Lua': verify({ ...anna, password: 'Secret' }, forDovecot),
  nobody: verify({ ...anna, user: 'nobody@example.org' }, forDovecot),
  'a name in Unicode': verify({ ...anna, user: 'jörg@example.org' }),
  'a name in Unicode, for Lua': verify({ ...anna, user: 'jörg@example.org' }, forDovecot),
  'a disabled account': verify({ ...anna, user: 'disabled@example.org' }),
  'a database that is down': verify({ ...anna, user: 'trouble@example.org' }),
  'a database that is down, for Lua': verify({ ...anna, user: 'trouble@example.org' }, forDovecot),
  'bytes that are no UTF-8': post(
    '/v1/passdb/verify',
    JSON_TYPE,
    '{"user":"anna@example.org","password":"sch\xf6n"}',
    TOKEN,
  ),
  'no JSON': post('/v1/passdb/verify', JSON_TYPE, '{', TOKEN),
  'no password': verify({ user: 'anna@example.org' }),
  'a number as password': verify({ ...anna, password: 1 }),
  'a port that is none': verify({ ...anna, local_port: 70_000 }),
  'half a port': verify({ ...anna, local_port: 1.5 }),
  'an address that is none': verify({ ...anna, remote_ip: 'here' }),
  'no token': post('/v1/passdb/verify', JSON_TYPE, JSON.stringify(anna)),
  'another media type': post('/v1/passdb/verify', 'text/plain', JSON.stringify(anna), TOKEN),
  ...Object.fromEntries(
    ['/v1/passdb/lookup', '/v1/userdb/lookup'].flatMap(path => [
      [`${path}`, ask(path, anna)],
      [`${path}, for Lua`, ask(path, anna, forDovecot)],
      [`${path} of nobody`, ask(path, { user: 'nobody@example.org' })],
      [`${path} of nobody, for Lua`, ask(path, { user: 'nobody@example.org' }, forDovecot)],
      [`${path} without a database`, ask(path, { user: 'trouble@example.org' })],
      [`${path} without a name`, ask(path, { protocol: 'imap' })],
      [`${path} of a number`, ask(path, { user: 1 })],
      [`${path} without a token`, post(path, JSON_TYPE, JSON.stringify(anna))],
    ]),
  ),
  'a grant': grant(annasGrant, 'X-Dovecot-Auth-Protocol: imap', 'X-Dovecot-Auth-Remote: 192.0.2.7:4000'),
  'a grant with Basic': grant(
    'grant_type=password&username=anna%40example.org&password=secret',
    `Authorization: Basic ${Buffer.from('dovecot:open-sesame').toString('base64')}`,
  ),
  'a grant refused': grant(annasGrant.replace('secret', 'Secret')),
  'a grant for nobody': grant(annasGrant.replace('anna', 'nobody')),
  'a grant in Unicode': grant(annasGrant.replace('anna', 'j%c3%b6rg')),
  'a grant without a database': grant(annasGrant.replace('anna', 'trouble')),
  'a grant to a stranger': grant(annasGrant.replace('open-sesame', 'sesame')),
  'a grant without a password': grant(`grant_type=password&username=anna&${client}`),
  'a grant that is no form': grant(`${annasGrant}&x=%4`),
  'a grant from nowhere': grant(annasGrant, 'X-Dovecot-Auth-Remote: nowhere'),
  'a path that is not there': post('/v1/nothing', JSON_TYPE, '{}', TOKEN),
}

t.test('both ways give the same answers and ask the engine the same', async t => {
  const listener = await open(t)
  let direct = 0
  for (const [title, bytes] of Object.entries(rows)) {
    const whole = await asked(listener, [bytes])
    const inPieces = await askedInPieces(listener, [bytes.slice(0, 3), bytes.slice(3)])
    t.same(comparable(whole), comparable(inPieces), title)
    t.ok(isNodes(inPieces.answer), 'what comes in pieces is for node:http')
    if (!isNodes(whole.answer)) direct++
  }
  t.equal(direct, 27, 'all verdicts were given directly, and nothing else')
  t.same(listener.bugs, [])
})

t.test('however a request is damaged, both ways say the same of it', async t => {
  const listener = await open(t)
  const random = lcg(20261125)
  const good = [rows['a right password, for Lua'] ?? '', rows['a grant'] ?? '']
  const damaged = Array.from({ length: 400 }, (_, at) => damage(good[at % 2] ?? '', random))
  for (let at = 0; at < damaged.length; at += 50) {
    await Promise.all(
      damaged.slice(at, at + 50).map(async bytes => {
        const both = async (silenceMs: number) => [
          visible(await send(listener.port, [bytes], 0, silenceMs, silenceMs)),
          visible(await send(listener.port, [bytes.slice(0, 1), bytes.slice(1)], 10, silenceMs, silenceMs)),
        ]
        const [whole, inPieces] = await both(SILENCE_MS)
        // On a busy machine an answer comes after the silence that means there is none.
        const [later, laterInPieces] = whole === inPieces ? [whole, inPieces] : await both(PATIENCE_MS)
        t.equal(later, laterInPieces, JSON.stringify(bytes))
      }),
    )
  }
})

t.test('requests one behind the other are answered in their order', async t => {
  const listener = await open(t)
  const wrong = verify({ ...anna, password: 'x' })
  const answers = (await send(listener.port, [verify(anna) + wrong + verify(anna)])).match(/"result":"\w+"/g)
  t.same(answers, ['"result":"ok"', '"result":"password_mismatch"', '"result":"ok"'])
  const slow = verify({ ...anna, user: 'slow@example.org' })
  const later = await send(listener.port, [slow, wrong, wrong + verify(anna)], 20, 500)
  t.same(later.match(/"result":"\w+"/g), [
    '"result":"user_unknown"',
    ...Array(2).fill('"result":"password_mismatch"'),
    '"result":"ok"',
  ])
})

t.test('one connection may ask anything, in any pieces', async t => {
  const listener = await open(t)
  const get = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'
  const bytes = [verify(anna), grant(annasGrant), get, verify(anna), ...grant(annasGrant)]
  const answer = await send(listener.port, bytes, 5)
  t.equal(answer.match(/HTTP\/1\.1 200 OK\r\n/g)?.length, 5)
})

t.test('who stops sending after the question is answered', async t => {
  const listener = await open(t)
  const answer = await new Promise<string>(resolve => {
    let received = ''
    const socket = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true }, () => {
      socket.end(verify({ ...anna, user: 'slow@example.org' }), 'latin1')
    })
    socket.setEncoding('latin1').on('data', text => {
      received += text
    })
    socket.on('close', () => resolve(received))
  })
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(answer, /^connection: close\r$/im)
})

t.test('who says nothing for too long is sent away', async t => {
  const listener = await open(t, { http_request_timeout: 300, http_keep_alive_timeout: 300 })
  const startedAt = performance.now()
  const [silent, idle] = await Promise.all([
    send(listener.port, [], 0, 5000),
    send(listener.port, [verify(anna)], 0, 5000),
  ])
  t.match(silent, /^HTTP\/1\.1 408 /)
  t.match(idle, /^HTTP\/1\.1 200 /)
  t.ok(performance.now() - startedAt < 4500, 'long before the test would hang up')
})

t.test('who does not read the answers gets no more of them, and the others do', async t => {
  const listener = await open(t)
  const socket = connect(listener.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.pause()
  socket.on('error', () => {})
  const bytes = verify(anna)
  let sent = 0
  // One question at a time, so that each is answered directly, until nothing is taken any more.
  while (sent < 20_000 && socket.write(bytes, 'latin1')) if (++sent % 50 === 0) await sleep(1)
  t.match(await send(listener.port, [verify(anna)]), /^HTTP\/1\.1 200 /)
})

t.test('an exception is a temporary failure and is reported', async t => {
  const bugs: unknown[] = []
  const broken = async () => {
    throw new Error('a bug in the engine')
  }
  const auth = {
    authenticate: broken,
    lookupPassdb: broken,
    lookupUserdb: broken,
    async *listUsers() {},
  }
  const listener = await openHttpListener(
    {
      auth,
      caches: noCaches,
      readiness: async () => 'ready',
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      reportBug: (_where, error) => bugs.push(error),
    },
    { ...defaults, ...settings },
    { kind: 'tcp', host: '127.0.0.1', port: 0 },
  )
  t.teardown(() => listener.close(1000))
  const port = 'port' in listener.address ? listener.address.port : 0
  for (const bytes of [verify(anna), verify(anna, forDovecot), grant(annasGrant)]) {
    const [whole, inPieces] = [
      await send(port, [bytes]),
      await send(port, [bytes.slice(0, 3), bytes.slice(3)]),
    ]
    t.match(whole, /^HTTP\/1\.1 503 /)
    t.equal(visible(whole), visible(inPieces))
  }
  t.equal(bugs.length, 6)
})

interface Asked {
  readonly answer: string
  readonly events: readonly unknown[]
}

/** On a busy machine pieces may be read as one for all the time between them: then with more of it. */
async function askedInPieces(listener: Listener, pieces: readonly string[]): Promise<Asked> {
  const soon = await asked(listener, pieces)
  return isNodes(soon.answer) ? soon : asked(listener, pieces, 1000)
}

async function asked(listener: Listener, pieces: readonly string[], pauseMs = 10): Promise<Asked> {
  const before = listener.events.length
  const answer = await send(listener.port, pieces, pauseMs)
  return { answer, events: listener.events.slice(before).map(event => ({ ...event, ms: 0, trace: [] })) }
}

const comparable = ({ answer, events }: Asked) => ({ answer: visible(answer), events })

/** Without what may differ: names of headers in any case, their order, the time, how long a connection is kept. */
function visible(answer: string): string {
  const [head = '', ...rest] = answer.split('\r\n\r\n')
  const [status, ...headers] = head.split('\r\n')
  const kept = headers.map(line => line.replace(/^[^:]+/, name => name.toLowerCase()))
  return [status, ...kept.filter(line => !/^(date|keep-alive):/.test(line)).sort(), ...rest].join('\n')
}

/** Only node:http says for how long it keeps a connection, or closes one after a mistake. */
function isNodes(answer: string): boolean {
  return /^(?:keep-alive: |connection: close\r$)/im.test(answer)
}

/** Resolves when nothing more has come for `silenceMs`; to begin with, for `patienceMs`. */
function send(
  port: number,
  pieces: readonly string[],
  pauseMs = 10,
  silenceMs = pauseMs + SILENCE_MS,
  patienceMs = Math.max(silenceMs, PATIENCE_MS),
): Promise<string> {
  return new Promise(resolve => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, async () => {
      for (const piece of pieces) {
        socket.write(piece, 'latin1')
        if (pieces.length > 1) await sleep(pauseMs)
      }
    })
    socket.setEncoding('latin1').setTimeout(patienceMs, () => socket.destroy())
    socket.on('data', text => {
      received += text
      socket.setTimeout(silenceMs)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
  })
}

/** Some bytes become others, go, or come twice. */
function damage(bytes: string, random: () => number): string {
  let text = bytes
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    const at = Math.floor(random() * text.length)
    const odd = '\0\t\r\n :%&=;,x\x7f\xff"{'[Math.floor(random() * 16)] ?? ''
    const kind = random()
    const inserted = kind < 0.4 ? odd : kind < 0.6 ? '' : kind < 0.8 ? text.slice(at, at + 2) : '\r\n'
    text = text.slice(0, at) + inserted + text.slice(at + (kind < 0.6 ? 1 : 0))
  }
  return text
}

/** The same numbers each time: a failure can be looked at. */
function lcg(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32
    return state / 2 ** 32
  }
}

async function open(
  t: { teardown(close: () => Promise<void>): void },
  more: Partial<HttpSettings> = {},
): Promise<Listener> {
  const listener = await openListener(lookup, { settings: { ...settings, ...more }, usernameChars: '' })
  t.teardown(() => listener.close())
  return listener
}

async function lookup(user: string): Promise<PassdbLookup> {
  if (user === 'slow@example.org') await sleep(200)
  if (user === 'trouble@example.org') return { result: 'internal_failure' }
  if (user === 'disabled@example.org') return { result: 'user_disabled' }
  if (!/^(anna|jörg)@example\.org$/.test(user)) return { result: 'user_unknown' }
  return {
    result: 'ok',
    credentials: { stored: '{PLAIN}secret' },
    fields: new Map([['nodelay', 'y']]),
  }
}
