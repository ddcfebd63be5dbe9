// The dict server with real sockets: crowds, slow peers, permissions, and its end.

import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Auth } from '../../src/auth/auth.js'
import { defaultPasswordSettings } from '../../src/password/password-settings.js'
import { type DictListener, openDictListener } from '../../src/protocols/dict/dict-server.js'
import { authWith } from '../conformance/dict/session.js'
import { noCaches } from '../unit/cache/no-caches.js'

const folder = mkdtempSync(join(tmpdir(), 'homing-dict-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
let sockets = 0

const HELLO = 'H3\t0\t0\t\tauth\n'
const QUESTION = 'Lshared/passdb/anna\tanna\n'

interface Open {
  readonly listener: DictListener
  readonly path: string
  readonly warnings: string[]
}

async function open(
  t: Test,
  auth: Auth = authWith(),
  path = join(folder, `${sockets++}.sock`),
): Promise<Open> {
  const warnings: string[] = []
  const listener = await openDictListener({
    services: {
      auth,
      caches: noCaches,
      readiness: async () => 'ready',
      metrics: async () => ({ contentType: '', text: '' }),
      reportBug: (_where, error) => t.fail(String(error)),
    },
    path,
    policy: defaultPasswordSettings,
    mode: '0660',
    warn: message => warnings.push(message),
  })
  t.teardown(() => listener.close(100))
  return { listener, path, warnings }
}

/** Sends all of it and reads until the server ends the connection or has sent so many lines. */
function ask(path: string, text: string, lines = 1): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(path, () => socket.write(text, 'latin1'))
    socket.setEncoding('latin1')
    socket.on('data', bytes => {
      received += bytes
      if (received.split('\n').length > lines) socket.destroy()
    })
    socket.on('close', () => resolve(received))
    socket.on('error', reject)
  })
}

const connected = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket))
    socket.on('error', reject)
  })

t.test('the socket has its permissions, and goes when the listener closes', async t => {
  const { listener, path } = await open(t)
  t.equal(statSync(path).mode & 0o777, 0o660)
  t.equal(await ask(path, HELLO + QUESTION), 'N\n')
  await listener.close(100)
  t.notOk(existsSync(path))
})

t.test('what a dead process left behind makes way, and nothing else does', async t => {
  const dead = join(folder, 'dead.sock')
  writeFileSync(dead, 'a file')
  await t.rejects(open(t, authWith(), dead), /something else has that name/)
  const used = await open(t)
  await t.rejects(open(t, authWith(), used.path), /in use/)
  t.equal(await ask(used.path, HELLO + QUESTION), 'N\n', 'it still answers')
  // Its server closes another name, and nobody is left behind this one.
  const stale = join(folder, 'stale.sock')
  const server = createServer()
  await new Promise<void>(resolve => void server.listen(`${stale}.live`, resolve))
  renameSync(`${stale}.live`, stale)
  await new Promise(resolve => server.close(resolve))
  const again = await open(t, authWith(), stale)
  t.equal(await ask(again.path, HELLO + QUESTION), 'N\n')
})

t.test('2000 peers at once are all answered', { timeout: 60_000 }, async t => {
  const { listener, path } = await open(t)
  const peers = await Promise.all(Array.from({ length: 2000 }, () => connected(path)))
  const answers = peers.map(
    peer =>
      new Promise(resolve => {
        peer.once('data', bytes => resolve(String(bytes)))
        peer.write(HELLO + QUESTION)
      }),
  )
  t.same(new Set(await Promise.all(answers)), new Set(['N\n']))
  t.equal(listener.connections, 2000)
  for (const peer of peers) peer.destroy()
  for (let tries = 0; listener.connections > 0 && tries < 100; tries++) await sleep(20)
  t.equal(listener.connections, 0)
})

t.test('ten thousand questions in one breath are answered in their order', async t => {
  const auth = authWith({
    lookupPassdb: async ({ user }) => ({
      result: 'ok',
      user,
      fields: new Map([['home', user]]),
      credentials: { stored: '{PLAIN}x' },
      trace: [],
    }),
  })
  const { path } = await open(t, auth)
  const names = Array.from({ length: 10_000 }, (_, at) => `user${at}`)
  const answers = await ask(
    path,
    HELLO + names.map(name => `Lshared/passdb/${name}\t${name}\n`).join(''),
    10_000,
  )
  t.same(
    answers
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line.slice(1)).home),
    names,
  )
})

t.test('bytes that trickle in are a question all the same', async t => {
  const { path } = await open(t)
  const socket = await connected(path)
  const answer = new Promise(resolve => socket.once('data', bytes => resolve(String(bytes))))
  for (const byte of HELLO + QUESTION) {
    socket.write(byte)
    await sleep(1)
  }
  t.equal(await answer, 'N\n')
  socket.destroy()
})

t.test('a peer that reads slowly gets all of a long list, and little of it waits in memory', async t => {
  const COUNT = 200_000
  let made = 0
  const auth = authWith({
    async *listUsers() {
      for (; made < COUNT; made++) yield `user${made}@example.org`
    },
  })
  const { path } = await open(t, auth)
  const socket = await connected(path)
  socket.setEncoding('latin1')
  socket.pause()
  socket.write(`${HELLO}I0\t0\tshared/userdb/\t*\n`)
  await sleep(500)
  const stopped = made
  t.ok(stopped < 40_000, `${stopped} names were made for a peer that does not read`)
  t.equal(await ask(path, HELLO + QUESTION), 'N\n', 'others are answered meanwhile')
  let received = ''
  await new Promise<void>(resolve => {
    socket.on('data', text => {
      received += text
      if (received.endsWith('\n\n')) resolve()
    })
    socket.resume()
  })
  t.equal(received.split('\n').length, COUNT + 2)
  t.match(received, /^Oshared\/userdb\/user0@example\.org\t\n/)
  socket.destroy()
})

t.test('a peer that asks and never reads stops being asked for more', async t => {
  let asked = 0
  const auth = authWith({
    lookupPassdb: async ({ user }) => {
      asked++
      return { result: 'ok', user, fields: new Map([['home', 'h'.repeat(4000)]]), trace: [] }
    },
  })
  const { path } = await open(t, auth)
  const socket = await connected(path)
  socket.pause()
  socket.write(HELLO)
  const many = QUESTION.repeat(1000)
  for (let times = 0; times < 40; times++) socket.write(many)
  await sleep(700)
  t.ok(asked < 10_000, `${asked} of 40000 questions were answered into a void`)
  socket.destroy()
})

t.test('a line of 64 KiB is refused, and so is whoever does not speak the protocol', async t => {
  const { path, warnings } = await open(t)
  t.equal(await ask(path, `${HELLO}Lshared/passdb/${'a'.repeat(70_000)}`), 'O{"":"the line is too long"}\n')
  t.equal(await ask(path, `GET / HTTP/1.1\r\n\r\n`), '')
  t.equal(await ask(path, `${HELLO}${'\0'.repeat(200_000)}`), '')
  t.equal(await ask(path, 'H9\t0\t0\t\tauth\n'), '')
  t.same(warnings, [
    'dict: a peer was sent away: a line is too long',
    'dict: a peer was sent away: the connection does not begin with a greeting',
    'dict: a peer was sent away: a line is too long',
    'dict: a peer was sent away: version 9 of the protocol is not known',
  ])
})

t.test('a stop answers what has begun and what still arrives, then ends', async t => {
  const auth = authWith({
    lookupPassdb: async ({ user }) => {
      await sleep(300)
      return { result: 'user_unknown', user, fields: new Map(), trace: [] }
    },
  })
  const { listener, path } = await open(t, auth)
  const kept = await connected(path)
  kept.write(HELLO)
  const begun = ask(path, HELLO + QUESTION)
  await sleep(50)
  const closed = listener.close(5000)
  const late = new Promise(resolve => kept.once('data', bytes => resolve(String(bytes))))
  kept.write(QUESTION)
  t.equal(await begun, 'N\n')
  t.equal(await late, 'N\n')
  await closed
  await t.rejects(connected(path), /ENOENT|ECONNREFUSED/)
})

t.test('a question that never ends is cut off when the time is over', async t => {
  const { listener, path } = await open(t, authWith({ lookupPassdb: () => new Promise(() => {}) }))
  const answer = ask(path, HELLO + QUESTION)
  await sleep(50)
  const startedAt = performance.now()
  await listener.close(500)
  t.ok(performance.now() - startedAt < 2000)
  t.equal(await answer, '')
})
