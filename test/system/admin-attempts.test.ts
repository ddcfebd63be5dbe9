// The admin API's reports on attempts, on a real service, over SQLite and MariaDB: the words and figures of `homing report`.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import {
  onBothDatabases,
  type RunningAdmin,
  reader,
  type StoredDatabase,
  startAdmin,
} from './admin-client.js'

const program = join(import.meta.dirname, '../../src/cli/homing.js')

type MakeDatabase = () => Promise<StoredDatabase | undefined>

/** What the command says. */
async function report(url: string, ...args: string[]): Promise<unknown[]> {
  const env = { ...process.env, HOMING_DATABASE_URL: url }
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'report', ...args, '--json'], {
    env,
  })
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

async function logIn({ homing }: RunningAdmin, user: string, password: string, address: string) {
  await fetch(`${homing.url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${homing.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user, password, protocol: 'imap', remote_ip: address }),
  })
}

function suite(t: Test, database: MakeDatabase): void {
  t.test('it says what the command says, in pages', async t => {
    const own = await database()
    const admin = await startAdmin(t, own, 'login_events = "all"\nlast_login = true\n')
    const { ask, homing } = admin
    const url = own?.url ?? `sqlite:${homing.socketFolder}/homing.db`
    await ask('POST', 'local-users', { user: 'anna', clear_password: 'right' })
    for (let n = 1; n <= 3; n++) await logIn(admin, 'anna', 'wrong', `192.0.2.${n}`)
    for (const user of ['bert', 'bert', 'carl']) await logIn(admin, user, 'wrong', '198.51.100.1')
    await logIn(admin, 'anna', 'right', '192.0.2.1')
    await untilWritten(admin, 7)

    for (const name of ['failures', 'addresses', 'masters']) {
      const { status, body } = await ask('GET', `attempts/${name}?since=24h`, undefined, reader)
      t.equal(status, 200)
      t.same(body.rows, await report(url, name, '--since', '24h'), name)
    }
    t.match((await ask('GET', 'attempts/failures')).body, {
      kept: 'all',
      rows: [
        { user: 'anna', failures: 3, addresses: 3 },
        { user: 'bert', failures: 2, addresses: 1 },
        { user: 'carl', failures: 1 },
      ],
    })
    t.match(await ask('GET', 'attempts/last-logins/anna'), { status: 200, body: { user: 'anna' } })
    t.same(
      (await ask('GET', 'attempts/last-logins/anna')).body.rows,
      await report(url, 'last-login', 'anna'),
      'last login',
    )
    t.same(
      (await ask('GET', 'attempts/last-logins/Anna')).body,
      (await ask('GET', 'attempts/last-logins/anna')).body,
      'as its users write it',
    )
    t.same(await report(url, 'last-login', 'ANNA'), await report(url, 'last-login', 'anna'))
    t.same((await ask('GET', 'attempts/last-logins/nobody')).body.rows, [])

    const first = await ask('GET', 'attempts/failures?limit=2')
    t.equal((first.body.rows as unknown[]).length, 2)
    await logIn(admin, 'carl', 'wrong', '192.0.2.7')
    const second = await ask('GET', `attempts/failures?limit=2&after=${first.body.next}`)
    t.match(second.body, { since: first.body.since, until: first.body.until, rows: [{ user: 'carl' }] })
    t.notOk('next' in second.body)
  })

  t.test('what is not kept is no empty answer, and what means nothing is refused', async t => {
    const { ask } = await startAdmin(t, await database())
    for (const path of ['failures', 'addresses']) {
      t.match(await ask('GET', `attempts/${path}`), {
        status: 409,
        body: { error: 'not_kept', message: /login_events is "none"/ },
      })
    }
    t.match(await ask('GET', 'attempts/last-logins/anna'), {
      status: 409,
      body: { error: 'not_kept', message: /last_login is off/ },
    })
    t.match(await ask('GET', 'attempts/masters'), { status: 200, body: { rows: [] } }, 'always kept')
    const odd = [
      'since=5',
      'since=yesterday',
      'limit=0',
      'limit=1001',
      'after=x',
      'after=WzEsMiwtMV0',
      `after=${Buffer.from('[0,1e300,0]').toString('base64url')}`,
      `after=${Buffer.from('[0,9000000000000000,0]').toString('base64url')}`,
      'user=anna',
    ]
    for (const query of odd) t.match(await ask('GET', `attempts/failures?${query}`), { status: 400 }, query)
    t.match(await ask('POST', 'attempts/failures', {}), { status: 404 })
    t.match(await ask('GET', 'attempts/failures', undefined, { authorization: 'Bearer x' }), { status: 401 })
  })
}

async function untilWritten({ rows }: RunningAdmin, wanted: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const [row] = await rows('select count(*) as n from homing_login_events')
    if (Number(row?.n) >= wanted) return
    await sleep(50)
  }
  throw new Error('the events are not written')
}

onBothDatabases(t, suite)

t.test('over SQLite no login waits for a report, and what a command changes is seen afterwards', async t => {
  const admin = await startAdmin(t, undefined, 'login_events = "failures"\n')
  const { ask, homing, rows } = admin
  await rows(`with recursive n(i) as (select 1 union all select i + 1 from n where i < 400000)
    insert into homing_login_events (at, username, result, protocol, remote_ip)
    select unixepoch() - i % 80000, 'user' || (i % 50000), 'password_mismatch', 'imap', '192.0.2.' || (i % 250) from n
    returning 1 as done`)
  const started = performance.now()
  let isDone = false
  const reporting = ask('GET', 'attempts/failures').finally(() => {
    isDone = true
  })
  const waits: number[] = []
  while (!isDone) {
    const before = performance.now()
    await logIn(admin, 'nobody', 'x', '192.0.2.1')
    waits.push(performance.now() - before)
  }
  const { status, body } = await reporting
  const took = performance.now() - started
  // On a slow machine the list holds who failed in the meantime, too, and oftener than the others.
  const others = (body.rows as readonly { readonly user: string }[]).filter(({ user }) => user !== 'nobody')
  t.match({ status, first: others[0] }, { status: 200, first: { failures: 8 } })
  t.comment(
    `report ${Math.round(took)} ms, ${waits.length} logins, slowest ${Math.round(Math.max(...waits))} ms`,
  )
  t.ok(waits.length > 3, 'logins went on')
  await ask('POST', 'local-users', { user: 'late', clear_password: 'right' })
  const env = { ...process.env, HOMING_DATABASE_URL: `sqlite:${homing.socketFolder}/homing.db` }
  await promisify(execFile)(process.execPath, [program, 'local-user', 'delete', 'late'], { env })
  t.match(await ask('GET', 'local-users/late'), { status: 404 }, 'the locks on the file are still there')
  t.match(await rows('pragma integrity_check'), [{ integrity_check: 'ok' }])
})
