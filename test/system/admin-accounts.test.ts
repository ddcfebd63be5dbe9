// The admin API's accounts on a real service, over SQLite and MariaDB.

import t, { type Test } from 'tap'
import { reader, type StoredDatabase, startAdmin } from './admin-client.js'
import { startMariadb, whyNoMariadb } from './mariadb-server.js'

const hash = `{SHA512-CRYPT}$6$saltsalt$${'a'.repeat(85)}.`

function suite(t: Test, database: () => Promise<StoredDatabase | undefined>): void {
  t.test('accounts are added, shown, changed, listed and deleted', async t => {
    const { ask, homing } = await startAdmin(t, await database())
    const added = await ask('POST', 'proxy-users', { user: 'Anna@Example.org', host: 'backend1', port: 1143 })
    t.match(added, {
      status: 201,
      body: { user: 'anna@example.org', host: 'backend1', port: 1143, ssl_mode: 'starttls', password: null },
    })
    t.match(await ask('POST', 'proxy-users', { user: 'anna@example.org', host: 'x' }), {
      status: 409,
      body: { error: 'exists' },
    })
    t.match(await ask('PATCH', 'proxy-users/anna@example.org', { host: 'backend2', password: hash }), {
      status: 200,
      body: { host: 'backend2', password: 'set' },
    })
    t.match(await ask('POST', 'local-users', { user: 'bert', clear_password: 'correct horse', uid: 5000 }), {
      status: 201,
      body: { password: 'set', uid: '5000' },
    })
    const metrics = await fetch(`${homing.url}/metrics`)
    t.match(await metrics.text(), /^homing_hash_computed_total 1$/m, 'hashed by a hash thread')
    const verify = await fetch(`${homing.url}/v1/passdb/verify`, {
      method: 'POST',
      headers: { authorization: `Bearer ${homing.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'bert', password: 'correct horse' }),
    })
    t.match(await verify.json(), { result: 'ok' }, 'the new user logs in')
    t.match(await ask('GET', 'proxy-users?mask=*@example.org'), { body: { text: '"anna@example.org"\n' } })
    for (const query of ['mask=a&mask=b', `mask=${'a'.repeat(1025)}`, 'masc=a*'])
      t.match(await ask('GET', `proxy-users?${query}`), { status: 400 }, query)
    t.match(await ask('DELETE', 'proxy-users/anna@example.org'), {
      status: 200,
      body: { deleted: 'anna@example.org' },
    })
    t.match(await ask('GET', 'proxy-users/anna@example.org'), { status: 404 })
    t.notMatch(await homing.log(), /correct horse/)
    t.notMatch(await homing.log(), /"bug: |strict mode/)
  })

  t.test('of two administrators at once one gets a conflict', async t => {
    const { ask } = await startAdmin(t, await database())
    const { etag } = await ask('POST', 'proxy-users', { user: 'anna', host: 'one' })
    t.match(etag, /^"[0-9a-f]{32}"$/)
    const ifMatch = { 'if-match': etag ?? '' }
    const both = await Promise.all(
      ['two', 'three'].map(host => ask('PATCH', 'proxy-users/anna', { host }, ifMatch)),
    )
    t.same(both.map(({ status }) => status).sort(), [200, 412])
    const winner = both.find(({ status }) => status === 200)
    const now = await ask('GET', 'proxy-users/anna')
    t.equal(now.body.host, winner?.body.host)
    t.equal(now.etag, winner?.etag)
    t.match(await ask('DELETE', 'proxy-users/anna', undefined, ifMatch), { status: 412 })
    t.match(await ask('DELETE', 'proxy-users/anna', undefined, { 'if-match': now.etag ?? '' }), {
      status: 200,
    })
  })

  t.test('a request with an Idempotency-Key is done once', async t => {
    const { ask } = await startAdmin(t, await database())
    const key = { 'idempotency-key': 'k1' }
    const body = { user: 'anna', host: 'one' }
    const all = await Promise.all([1, 2, 3, 4].map(() => ask('POST', 'proxy-users', body, key)))
    t.same(
      all.map(({ status }) => status),
      [201, 201, 201, 201],
      'all are told that it was added, and none that it is there already',
    )
    t.match(await ask('POST', 'proxy-users', { ...body, host: 'other' }, key), {
      status: 422,
      body: { error: 'key_reused' },
    })
    t.match(await ask('POST', 'proxy-users', body), { status: 409 }, 'without the key')
    await ask('DELETE', 'proxy-users/anna')
    t.match(await ask('POST', 'proxy-users', body, key), { status: 404 }, 'and it is not done again later')
    for (const end of ['1', '2']) {
      const long = { 'idempotency-key': `${'k'.repeat(200)}${end}` }
      const added = { user: `anna${end}`, host: 'one' }
      for (const status of [201, 201])
        t.match(await ask('POST', 'proxy-users', added, long), { status }, 'a long key')
    }
  })

  t.test('what cannot be stored is refused with a reason, and readers only read', async t => {
    const { ask } = await startAdmin(t, await database())
    const cases: [object, RegExp][] = [
      [{ user: 'a b', host: 'x' }, /can be no user/],
      [{ user: 'anna' }, /has no host/],
      [{ user: 'anna', host: 'x', port: 99999 }, /is no port/],
      [{ user: 'anna', host: 'x', prot: 1 }, /there is no column prot/],
      [{ user: 'anna', host: 'x', password: 'secret' }, /without \{SCHEME\}/],
      [{ user: 'anna', host: 'x', password: hash, clear_password: 'x' }, /contradict/],
    ]
    for (const [body, message] of cases) {
      t.match(await ask('POST', 'proxy-users', body), { status: 422, body: { error: 'wrong', message } })
    }
    const weak = { user: 'admin', password: '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' }
    t.match(await ask('POST', 'master-users', weak), { status: 422, body: { message: /cannot be used/ } })
    const limited = { user: 'admin', clear_password: 'a long one', domains: 'example.org' }
    t.match(await ask('POST', 'master-users', limited), { status: 201, body: { domains: 'example.org' } })
    t.match(await ask('POST', 'proxy-users', { user: 'anna', host: 'x' }, reader), { status: 403 })
    t.match(await ask('GET', 'proxy-users/anna', undefined, reader), { status: 404 })
    t.match(await ask('PATCH', 'proxy-users/anna', { user: 'bert' }), { status: 422 })
  })
}

t.test('SQLite', async t => suite(t, async () => undefined))

t.test('MariaDB, and the audit of it all', async t => {
  const missing = whyNoMariadb()
  if (missing !== undefined) return t.plan(0, missing)
  const server = await startMariadb()
  t.teardown(() => server.close())
  let count = 0
  suite(t, async () => {
    const name = `admin${++count}`
    return { url: await server.createDatabase(name), execute: sql => server.execute(sql, name) }
  })
  t.test('every change is in the audit, without what was changed to', async t => {
    const rows = await server.execute(
      'select actor, action, account_table, username, changed from homing_audit order by id',
      'admin1',
    )
    t.match(
      rows.map(({ action, account_table, username }) => `${action} ${account_table} ${username}`),
      [
        'add proxy_users anna@example.org',
        'set proxy_users anna@example.org',
        'add local_users bert',
        'delete proxy_users anna@example.org',
      ],
    )
    t.match(rows[1], { actor: 'api 127.0.0.1', changed: 'host password' })
    t.notMatch(JSON.stringify(rows), /correct horse|\$6\$|backend2/)
    const tries = await server.execute('select count(*) as n from homing_audit', 'admin3')
    t.equal(Number(tries[0]?.n), 4, 'what was done once is written down once')
  })
})
