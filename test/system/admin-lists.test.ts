// The admin API's lists of the policy on a real service, over SQLite and MariaDB.

import t, { type Test } from 'tap'
import { onBothDatabases, reader, type StoredDatabase, startAdmin } from './admin-client.js'
import { freePorts } from './free-ports.js'

type MakeDatabase = () => Promise<StoredDatabase | undefined>

function suite(t: Test, database: MakeDatabase): void {
  t.test('entries are added, replaced, listed in pages and removed', async t => {
    const { ask } = await startAdmin(t, await database())
    const now = Math.floor(Date.now() / 1000)
    t.match(
      await ask('POST', 'lists/block', { network: '203.0.113.9/24', reason: 'scanner', for_seconds: 7200 }),
      {
        status: 201,
        body: { list: 'block', network: '203.0.113.0/24', reason: 'scanner', replaced: false },
      },
    )
    const again = await ask('POST', 'lists/block', { network: '203.0.113.77/24', expires: now + 60 })
    t.match(
      again,
      { status: 200, body: { replaced: true, reason: '', expires: now + 60 } },
      'its place is taken',
    )
    await ask('POST', 'lists/block', { network: '::ffff:192.0.2.1', login: 'BERT@example.org' })
    await ask('POST', 'lists/block', { login: 'carl' })
    t.match(await ask('POST', 'lists/allow', { login: 'carl' }), { status: 201 }, 'another list')

    const seen: unknown[] = []
    let after: unknown
    for (let pages = 0; pages < 5; pages++) {
      const page = await ask('GET', `lists/block?limit=1${after === undefined ? '' : `&after=${after}`}`)
      t.equal(page.status, 200)
      seen.push(...(page.body.entries as unknown[]))
      after = page.body.next
      if (after === undefined) break
    }
    t.same(seen, [
      { list: 'block', login: 'carl', reason: '' },
      { list: 'block', network: '192.0.2.1', login: 'bert@example.org', reason: '' },
      { list: 'block', network: '203.0.113.0/24', reason: '', expires: now + 60 },
    ])
    t.match(await ask('DELETE', 'lists/block?network=192.0.2.1'), { status: 404 }, 'that is not the pair')
    t.match(await ask('DELETE', 'lists/block?network=192.0.2.1&login=Bert@Example.org'), {
      status: 200,
      body: { removed: { list: 'block', network: '192.0.2.1', login: 'bert@example.org' } },
    })
    t.match(await ask('DELETE', 'lists/block?login=carl'), { status: 200 })
    t.match(await ask('DELETE', 'lists/block?login=carl'), { status: 404, body: { error: 'not_found' } })
    t.match(await ask('GET', 'lists/allow', undefined, reader), { body: { entries: [{ login: 'carl' }] } })
  })

  t.test('every change is in the audit, and a request with a key is done once', async t => {
    const { ask, rows } = await startAdmin(t, await database())
    const key = { 'idempotency-key': 'k1' }
    const body = { login: 'anna', reason: 'phished', for_seconds: 3600 }
    const all = await Promise.all([1, 2, 3].map(() => ask('POST', 'lists/block', body, key)))
    t.match(
      all.map(({ status, body }) => [status, body.replaced]),
      [
        [201, false],
        [201, false],
        [201, false],
      ],
      'all are told that it was added',
    )
    t.equal(new Set(all.map(({ body }) => body.expires)).size, 1, 'and until when in the same words')
    t.match(await ask('POST', 'lists/block', { ...body, reason: 'x' }, key), {
      status: 422,
      body: { error: 'key_reused' },
    })
    await ask('POST', 'lists/block', { ...body, reason: 'other' })
    await ask('DELETE', 'lists/block?login=anna')
    await ask('DELETE', 'lists/block?login=anna')
    t.match(await ask('POST', 'lists/block', body, key), { status: 404 }, 'it is not done again later')
    const audit = await rows(
      'select actor, action, account_table, username, changed from homing_audit order by id',
    )
    t.match(
      audit.map(({ action, account_table, username }) => `${action} ${account_table} ${username}`),
      [
        'add homing_policy_lists block anna',
        'set homing_policy_lists block anna',
        'delete homing_policy_lists block anna',
      ],
    )
    t.match(audit[0], { actor: 'api 127.0.0.1', changed: 'reason expires' })
    t.notMatch(JSON.stringify(audit), /phished/)
  })

  t.test('what means nothing is refused with a reason, and readers only read', async t => {
    const { ask } = await startAdmin(t, await database())
    const wrong: [object, RegExp][] = [
      [{}, /neither an address nor a login/],
      [{ network: 'office' }, /neither address nor network/],
      [{ login: 'a b' }, /can be no user/],
      [{ login: 'anna', expires: 1_000_000 }, /is over already/],
      [{ login: 'anna', expires: 1e15 }, /too late/],
      [{ login: 'anna', for_seconds: 9e15 }, /too late/],
      [{ login: 'anna', expires: 4e9, for_seconds: 5 }, /contradict/],
    ]
    for (const [body, message] of wrong) {
      t.match(await ask('POST', 'lists/block', body), { status: 422, body: { error: 'wrong', message } })
    }
    const malformed = [
      { user: 'anna' },
      { login: ['anna'] },
      { login: { a: 1 } },
      { login: 'anna', reason: 5 },
    ]
    for (const body of malformed) t.match(await ask('POST', 'lists/block', body), { status: 400 })
    t.match(
      await ask('DELETE', 'lists/block'),
      { status: 422 },
      'nobody removes all by leaving something out',
    )
    t.match(await ask('POST', 'lists/deny', { login: 'anna' }), { status: 404 })
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'after=x', 'after=WzFd', 'offset=1']) {
      t.match(await ask('GET', `lists/block?${query}`), { status: 400 }, query)
    }
    t.match(await ask('POST', 'lists/block', { login: 'anna' }, reader), { status: 403 })
    t.match(await ask('DELETE', 'lists/block?login=anna', undefined, reader), { status: 403 })
    t.match(await ask('GET', 'lists/block', undefined, { authorization: '' }), { status: 401 })
    t.same((await ask('GET', 'lists/block')).body, { entries: [] }, 'and nothing was written')
  })

  t.test('a policy in the same service follows at once', async t => {
    const [port = 0] = await freePorts(1)
    const { ask } = await startAdmin(t, await database(), `policy_listen = ["127.0.0.1:${port}"]`)
    const statusOf = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/?command=allow`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ login: 'anna@example.org', remote: '192.0.2.1', pwhash: '02ec' }),
      })
      return ((await answer.json()) as { status: number }).status
    }
    t.equal(await statusOf(), 0)
    await ask('POST', 'lists/block', { network: '192.0.2.0/24' })
    t.equal(await statusOf(), -1)
    await ask('DELETE', 'lists/block?network=192.0.2.0/24')
    t.equal(await statusOf(), 0)
  })
}

onBothDatabases(t, suite)
