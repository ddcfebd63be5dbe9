// A server that lets no further connection in, as a script: which connections work on, and when others get in again.

import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { MysqlConnection } from '../../../src/database/mysql-connection.js'
import { createMysqlPool, type LentConnection, type MysqlPool } from '../../../src/database/mysql-pool.js'

interface Server {
  /** How many connections it lets in; above that it refuses as `refusal` says. */
  room: number
  refusal: { code: string; errno?: number }
  /** Whether it answers on the connections that it let in. */
  answers: boolean
  connections: Set<(cause: unknown) => void>
}

const full = { code: 'ER_CON_COUNT_ERROR', errno: 1040 }
const silent = { code: 'ETIMEDOUT' }
const hung = { code: 'HOMING_DATABASE_TIMEOUT', fatal: true }

function serverWith(room: number, refusal: Server['refusal'] = full): Server {
  return { room, refusal, answers: true, connections: new Set() }
}

function connectionTo(server: Server, onLost: (cause: unknown) => void): MysqlConnection {
  if (server.connections.size >= server.room) throw Object.assign(new Error('refused'), server.refusal)
  server.connections.add(onLost)
  const leave = () => void server.connections.delete(onLost)
  return {
    query: (_sql, _parameters, callback) => {
      if (server.answers) setTimeout(callback, 1, undefined, [])
    },
    destroy: leave,
    end: async () => leave(),
  }
}

function poolOver(t: Test, servers: readonly Server[], options: { idleTimeoutMs?: number } = {}): MysqlPool {
  const pool = createMysqlPool({
    hosts: servers.map((_, port) => ({ host: 'db', port })),
    size: 8,
    connectTimeoutMs: 50,
    acquireTimeoutMs: 200,
    idleTimeoutMs: 60_000,
    ...options,
    probe: { sql: 'select 1', isGood: () => true },
    connect: async (host, onLost) => {
      await sleep(1)
      const server = 'port' in host ? servers[host.port] : undefined
      if (!server) throw new Error('no such server')
      return connectionTo(server, onLost)
    },
  })
  t.teardown(() => pool.close())
  return pool
}

/** Breaks a connection in the midst of its use. */
function lose(server: Server, which: number): void {
  const onLost = [...server.connections][which]
  if (!onLost) throw new Error('no such connection')
  server.connections.delete(onLost)
  onLost(hung)
}

const several = (pool: MysqlPool, count: number): Promise<LentConnection[]> =>
  Promise.all(Array.from({ length: count }, () => pool.acquire()))

for (const refusal of [
  full,
  { code: 'ER_TOO_MANY_USER_CONNECTIONS', errno: 1203 },
  { code: 'ER_USER_LIMIT_REACHED', errno: 1226 },
  silent,
]) {
  t.test(`${refusal.code}: who is refused a further connection waits for one that works`, async t => {
    const pool = poolOver(t, [serverWith(1, refusal)])
    const first = await pool.acquire()
    const second = pool.acquire()
    await sleep(20)
    first.release()
    ;(await second).release()
    for (let round = 0; round < 5; round++) (await pool.acquire()).release()
    t.match(pool.figures, { idle: 1, busy: 0, waiting: 0, hostsUp: 1, hostsDown: 0 })
  })
}

t.test('many who come at once share the few connections that got in', async t => {
  const pool = poolOver(t, [serverWith(2)])
  const uses = Array.from({ length: 40 }, async () => {
    const lent = await pool.acquire()
    await sleep(1)
    lent.release()
  })
  await t.resolves(Promise.all(uses))
  t.equal(pool.openCount, 2)
})

t.test('who waits in vain is told what the server said', async t => {
  const pool = poolOver(t, [serverWith(1)])
  const lent = await pool.acquire()
  await t.rejects(pool.acquire(), full)
  await t.rejects(pool.acquire(), full)
  lent.release()
  ;(await pool.acquire()).release()
})

t.test('a server that lets nobody in is down, and up again with the first who gets in', async t => {
  const server = serverWith(0)
  const pool = poolOver(t, [server])
  const refused = await Promise.allSettled(Array.from({ length: 9 }, () => pool.acquire()))
  t.same(new Set(refused.map(({ status }) => status)), new Set(['rejected']))
  t.match(pool.figures, { hostsUp: 0, waiting: 0 })
  server.room = 1
  await sleep(1100)
  ;(await pool.acquire()).release()
  t.match(pool.figures, { hostsUp: 1 })
})

t.test('more connections are made again once the server lets them in', async t => {
  const server = serverWith(1)
  const pool = poolOver(t, [server])
  const lent = await pool.acquire()
  await t.rejects(pool.acquire(), full)
  server.room = 3
  await sleep(1100)
  const others = await several(pool, 2)
  for (const each of [lent, ...others]) each.release()
  t.equal(pool.openCount, 3)
})

t.test('a connection that breaks takes no other one with it while the server is full', async t => {
  const server = serverWith(2)
  const pool = poolOver(t, [server])
  const [broken, good] = await several(pool, 2)
  server.room = 1
  good?.release()
  lose(server, 0)
  broken?.release()
  await sleep(20)
  ;(await pool.acquire()).release()
  t.match(pool.figures, { idle: 1, hostsUp: 1 })
})

t.test('what a server that is full let in before it hung is given up', async t => {
  const server = serverWith(2)
  const pool = poolOver(t, [server])
  const [broken, other] = await several(pool, 2)
  server.room = 0
  server.answers = false
  other?.release()
  lose(server, 0)
  broken?.release()
  await t.rejects(pool.acquire(), full)
  t.match(pool.figures, { idle: 0, hostsUp: 0 })
  server.room = 1
  server.answers = true
  await sleep(1100)
  ;(await pool.acquire()).release()
})

t.test('connections to a server that is full are kept though nobody needs them', async t => {
  const server = serverWith(1)
  const pool = poolOver(t, [server], { idleTimeoutMs: 20 })
  const lent = await pool.acquire()
  await t.rejects(pool.acquire(), full)
  lent.release()
  await sleep(100)
  t.equal(pool.figures.idle, 1)
})

t.test('while the first host is full the second takes who finds no connection to the first', async t => {
  const pool = poolOver(t, [serverWith(1), serverWith(8)])
  const lent = await several(pool, 3)
  t.same(lent.map(({ rank }) => rank).sort(), [0, 1, 1])
  for (const each of lent) each.release()
  const next = await several(pool, 2)
  t.same(
    next.map(({ rank }) => rank),
    [0, 1],
  )
  for (const each of next) each.release()
})

t.test('the second host is used alone once the connections to a first one that is full break', async t => {
  const first = serverWith(1, silent)
  const pool = poolOver(t, [first, serverWith(8)])
  const lent = await several(pool, 2)
  first.room = 0
  lose(first, 0)
  for (const each of lent) each.release()
  const next = await several(pool, 2)
  t.same(
    next.map(({ rank }) => rank),
    [1, 1],
  )
  for (const each of next) each.release()
  t.match(pool.figures, { hostsUp: 1, hostsDown: 1 })
})
