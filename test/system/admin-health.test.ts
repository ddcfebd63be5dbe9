// One document that says how each part of a service is.

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { reader, startAdmin } from './admin-client.js'
import { freePorts } from './free-ports.js'
import { startOwnMariadb } from './mariadb-server.js'
import { needs } from './parts.js'

t.test('every part is in it, and the last reload', async t => {
  const [policy = 0] = await freePorts(1)
  const { ask, homing } = await startAdmin(
    t,
    undefined,
    `auth_cache_size = "1M"\npolicy_listen = ["127.0.0.1:${policy}"]\n`,
  )
  const { status, body } = await ask('GET', 'health', undefined, reader)
  t.equal(status, 200)
  t.match(body, {
    status: 'ready',
    version: /^\d+\.\d+\.\d+/,
    started: /^20\d\d-/,
    databases: [{ name: 'main', answers: true, failed_reads: 0 }],
    cache: { entries: 0, bytes: 0 },
    bus: { shared: false, up: true },
    hash_pool: { waiting: 0, threads_lost: 0 },
    policy: { lists_are_read: true, known_users_are_kept: true, degraded: 0 },
    certificates: [],
    config: { good: true, need_restart: [] },
    login_events: { dropped: 0 },
    master_audit: { failing: false },
    log_lines_dropped: 0,
  })
  t.match(await ask('GET', 'health', undefined, { authorization: '' }), { status: 401 })

  await homing.configure(`admin_listen = ["127.0.0.1:1"]\nadmin_token = "write"\nlog_level = "warn"\n`)
  homing.signal('SIGHUP')
  const read = (body.config as { read: string }).read
  let config = { read, good: true, need_restart: [] as string[] }
  for (let tries = 0; config.read === read && tries < 100; tries++) {
    await sleep(50)
    config = (await ask('GET', 'health')).body.config as typeof config
  }
  t.ok(config.need_restart.includes('admin_listen'), 'what has to wait is named')
  await homing.configure('admin_listen = 5\n')
  homing.signal('SIGHUP')
  for (let tries = 0; config.good && tries < 100; tries++) {
    await sleep(50)
    config = (await ask('GET', 'health')).body.config as typeof config
  }
  t.equal(config.good, false, 'a bad configuration is told')
})

t.test('every host of a database is in it, and why one is down, without a secret', async t => {
  if (!needs(t, 'mariadb')) return
  const server = await startOwnMariadb()
  t.teardown(() => server.close())
  const [dead = 0] = await freePorts(1)
  const url = await server.createDatabase('health')
  const { ask } = await startAdmin(t, {
    url: url.replace(`:${server.port}/`, `:${server.port},127.0.0.1:${dead}/`),
    execute: sql => server.execute(sql, 'health'),
  })
  await ask('POST', 'proxy-users', { user: 'anna@example.org', host: 'backend1' })
  const up = { host: `127.0.0.1:${server.port}`, up: true, takes_writes: true }
  t.match((await ask('GET', 'health')).body, {
    status: 'ready',
    databases: [{ answers: true, hosts: [up, { host: `127.0.0.1:${dead}` }] }],
  })
  await server.stop()
  let body: Record<string, unknown> = {}
  for (let tries = 0; body.status !== 'degraded' && tries < 40; tries++) {
    await sleep(100)
    await ask('GET', 'proxy-users/anna@example.org')
    const before = performance.now()
    body = (await ask('GET', 'health')).body
    t.ok(performance.now() - before < 2000, 'it does not wait for what is down')
  }
  t.match(body, {
    status: 'degraded',
    databases: [
      {
        answers: false,
        hosts: [
          { up: false, takes_writes: false, reason: /^[A-Z_]+$/ },
          // Who has to wait for a core may be late to hear of the refusal.
          { up: false, reason: /^(?:ECONNREFUSED|ETIMEDOUT)$/ },
        ],
      },
    ],
  })
  t.notMatch(JSON.stringify(body), new RegExp(`${server.password}|${server.user}|anna|open-sesame`))
})

t.test(
  'a database of a passdb or a userdb that does not answer is told of, as that of the service is',
  async t => {
    const [nobody = 0] = await freePorts(1)
    const link = (chain: string, database: string) =>
      `[[${chain}]]\nname = "main"\ndriver = "sql"\ntable = "local_users"\n` +
      `database_url = "mysql://x@127.0.0.1:${nobody}/${database}"\n`
    const { ask, homing } = await startAdmin(t, undefined, `${link('passdb', 'a')}${link('userdb', 'b')}`)
    t.same(await (await fetch(`${homing.url}/readyz`)).json(), { status: 'degraded' })
    const { body } = await ask('GET', 'health', undefined, reader)
    t.equal(body.status, 'degraded')
    t.match(body.databases, [
      { name: 'main', answers: true },
      { name: 'passdb main', answers: false },
      { name: 'userdb main', answers: false },
    ])
    const metrics = await (await fetch(`${homing.url}/metrics`)).text()
    t.match(metrics, /homing_readiness\{state="degraded"\} 1\n/)
    for (const database of ['main', 'passdb main', 'userdb main']) {
      const series = `homing_database_statements_total{database="${database}",kind="read",outcome="ok"} `
      t.equal(metrics.split(series).length, 2, `${database} has its own series, once`)
    }
  },
)

t.test('a listing that meets a database that is down is an outage, and no bug of ours', async t => {
  const [nobody = 0] = await freePorts(1)
  const { ask, homing } = await startAdmin(t, undefined, `database_url = "mysql://x@127.0.0.1:${nobody}/x"\n`)
  t.match(await ask('GET', 'local-users'), {
    status: 503,
    body: { error: 'unavailable', message: /ECONNREFUSED/ },
  })
  const users = await fetch(`${homing.url}/v1/userdb/users`, {
    headers: { authorization: `Bearer ${homing.token}` },
  })
  t.equal(users.status, 503)
  await homing.waitForLog('userdb listing', 'ECONNREFUSED')
  t.notMatch(await homing.log(), '"bug: ')
  t.match(await (await fetch(`${homing.url}/metrics`)).text(), '\nhoming_bugs_total 0\n')
})
