// How long the dict server waits for a peer; the time is the test's.

import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Auth } from '../../src/auth/auth.js'
import { defaultPasswordSettings } from '../../src/password/password-settings.js'
import { createDictConnection, type DictConnection } from '../../src/protocols/dict/dict-connection.js'
import { authWith } from '../conformance/dict/session.js'

const folder = mkdtempSync(join(tmpdir(), 'homing-dict-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
let sockets = 0

interface Peer {
  readonly socket: Socket
  readonly connection: DictConnection
  readonly warnings: readonly string[]
  /** Sweeps as if so many seconds had passed. */
  after(seconds: number): Promise<void>
  readonly received: () => string
}

async function peer(t: Test, auth: Auth = authWith()): Promise<Peer> {
  const path = join(folder, `${sockets++}.sock`)
  const warnings: string[] = []
  let server: Server | undefined
  const accepted = new Promise<DictConnection>(resolve => {
    server = createServer({ allowHalfOpen: true }, socket =>
      resolve(
        createDictConnection(socket, {
          engine: { auth, policy: defaultPasswordSettings },
          warn: message => warnings.push(message),
          reportBug: error => t.fail(String(error)),
          closed: () => {},
        }),
      ),
    ).listen(path)
  })
  await new Promise(resolve => server?.once('listening', resolve))
  const socket = connect(path)
  socket.setEncoding('latin1')
  let received = ''
  socket.on('data', bytes => {
    received += bytes
  })
  socket.on('error', () => {})
  const connection = await accepted
  t.teardown(() => {
    socket.destroy()
    server?.close()
  })
  const after = async (seconds: number) => {
    connection.sweep(Date.now() + seconds * 1000)
    await sleep(50)
  }
  return { socket, connection, warnings, after, received: () => received }
}

t.test('a peer that does not say who it is goes after ten seconds', async t => {
  const { socket, warnings, after } = await peer(t)
  await after(9)
  t.notOk(socket.closed)
  await after(11)
  t.ok(socket.closed)
  t.same(warnings, ['dict: a peer was sent away: no greeting came'])
})

t.test('a peer that has nothing to ask may stay', async t => {
  const { socket, warnings, after } = await peer(t)
  socket.write('H3\t0\t0\t\tauth\n')
  await sleep(50)
  for (const seconds of [11, 31, 3600]) await after(seconds)
  t.notOk(socket.closed)
  t.same(warnings, [])
})

t.test('a line that does not end ends the connection', async t => {
  const { socket, warnings, after } = await peer(t)
  socket.write('H3\t0\t0\t\tauth\nLshared/passdb/an')
  await sleep(50)
  await after(29)
  t.notOk(socket.closed)
  await after(31)
  t.ok(socket.closed)
  t.same(warnings, ['dict: a peer was sent away: a line did not end'])
})

t.test('a peer that does not read its answers goes, one that reads them slowly does not', async t => {
  const auth = authWith({
    async *listUsers() {
      for (let at = 0; at < 500_000; at++) yield `user${at}@example.org`
    },
  })
  const { socket, warnings, after, received } = await peer(t, auth)
  socket.pause()
  socket.write('H3\t0\t0\t\tauth\nI0\t0\tshared/userdb/\t*\n')
  await sleep(300)
  await after(0)
  await after(29)
  t.notOk(socket.destroyed)
  socket.resume()
  for (let tries = 0; received().length < 500_000 && tries < 1000; tries++) await sleep(5)
  socket.pause()
  await sleep(100)
  await after(31)
  await after(32)
  t.same(warnings, [], 'it has read in between')
  // What was on its way still counts as read: on a slow machine it ends later.
  for (const seconds of [63, 94, 125]) if (warnings.length === 0) await after(seconds)
  t.same(warnings, ['dict: a peer was sent away: it does not read its answers'])
})

t.test('a question without an answer fails before Dovecot gives up on it', async t => {
  const { socket, after, received } = await peer(t, authWith({ lookupPassdb: () => new Promise(() => {}) }))
  socket.write('H3\t0\t0\t\tauth\nLshared/passdb/anna\tanna\n')
  await sleep(50)
  await after(24)
  t.equal(received(), '')
  await after(26)
  t.equal(received(), 'Fno answer in time\n')
})
