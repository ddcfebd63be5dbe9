// `homing cache flush` and `status` reach every copy and real Dovecots, and say who did not confirm.

import t from 'tap'
import { type CachingDovecot, startCachingDovecot } from './caching-dovecot.js'
import { freePorts } from './free-ports.js'
import { needs } from './parts.js'
import { startRedis } from './redis-server.js'
import { login, startThreeCopies } from './three-copies.js'

t.test('three copies and two Dovecots', { timeout: 240_000 }, async t => {
  if (!needs(t, 'mariadb', 'redis', 'dovecot-2.3', 'dovecot-2.4')) return
  const [redis, dovecot23, dovecot24] = await Promise.all([
    startRedis(),
    startCachingDovecot(t, '2.3'),
    startCachingDovecot(t, '2.4'),
  ])
  t.teardown(() => redis.close())
  if (!dovecot23 || !dovecot24) return
  const dovecots = [dovecot23, dovecot24]
  const urls = [`http://127.0.0.1:${dovecot23.httpPort}`, `doveadm://127.0.0.1:${dovecot24.doveadmPort}`]
  const bus = `redis://127.0.0.1:${redis.port}`
  const site = await startThreeCopies(t, `valkey_url = "${bus}"\n`, {
    HOMING_VALKEY_URL: bus,
    HOMING_DOVEADM_URLS: urls.join(' '),
    HOMING_DOVEADM_API_KEY: dovecot23.key,
    HOMING_DOVEADM_PASSWORD: dovecot24.password,
  })
  const { homing, copies, execute } = site
  const users = ['anna@example.org', 'ben@example.org', 'bert@example.org']
  const fill = async (password: string) => {
    for (const user of users) for (const copy of copies) await login(copy, user, password)
    for (const user of users) for (const dovecot of dovecots) await dovecot.letsIn(user, password)
  }
  /** Changed by hand: no copy hears of it. */
  const setPasswords = async (password: string) => {
    await execute(`update local_users set password = '{PLAIN}${password}'`)
    for (const dovecot of dovecots) dovecot.setPassword(password)
  }
  const whoLetsIn = async (user: string, password: string) => {
    const ours = await Promise.all(copies.map(async copy => (await login(copy, user, password)) === 'ok'))
    const theirs = await Promise.all(
      dovecots.map((dovecot: CachingDovecot) => dovecot.letsIn(user, password)),
    )
    return [...ours, ...theirs]
  }
  const [adminPort] = await freePorts(1)
  const [all, nobody] = [new Array(5).fill(true), new Array(5).fill(false)]

  await t.test('a change by the command line is flushed in Dovecot too', async t => {
    for (const user of users) {
      const added = await homing(
        ['local-user', 'add', user, '--uid', '1', '--gid', '1', '--home', '/x'],
        'one\n',
      )
      t.match(added, { code: 0, err: '' })
      t.same(added.out.split('\n').slice(1, 3).sort(), urls.map(url => `flushed in ${url}`).sort())
    }
    await setPasswords('one')
    await homing(['cache', 'flush'])
    await fill('one')
    t.same(await whoLetsIn('anna@example.org', 'one'), all)
  })

  await t.test('one user', async t => {
    await setPasswords('two')
    t.same(await whoLetsIn('anna@example.org', 'one'), all, 'everybody has it cached')
    const flushed = await homing(['cache', 'flush', 'Anna@Example.org'])
    t.equal(flushed.code, 0, flushed.err)
    const lines = flushed.out.trim().split('\n')
    t.equal(
      lines.filter(line => /^\S+\/\d+\/\w+: 1 cache entries flushed$/.test(line)).length,
      3,
      flushed.out,
    )
    for (const url of urls) t.ok(lines.includes(`${url}: 1 cache entries flushed`), flushed.out)
    t.same(await whoLetsIn('anna@example.org', 'one'), nobody)
    t.same(await whoLetsIn('ben@example.org', 'one'), all, 'others stay cached')
  })

  await t.test('a mask', async t => {
    const flushed = await homing(['cache', 'flush', '--json', 'be*@example.org'])
    const report = JSON.parse(flushed.out)
    t.match(
      report.copies.map(({ confirmed, entries }: { confirmed: boolean; entries: number }) => ({
        confirmed,
        entries,
      })),
      [
        { confirmed: true, entries: 2 },
        { confirmed: true, entries: 2 },
        { confirmed: true, entries: 2 },
      ],
    )
    t.equal(flushed.code, 75, 'doveadm’s own protocol takes no masks')
    t.match(report, {
      complete: false,
      dovecots: [
        { name: urls[0], confirmed: true },
        { name: urls[1], confirmed: false, reason: /named users only/ },
      ],
    })
    const [ours] = [(await whoLetsIn('bert@example.org', 'one')).slice(0, 4)]
    t.same(ours, nobody.slice(0, 4))
  })

  await t.test('statistics, and their beginning anew', async t => {
    const status = await homing(['cache', 'status'])
    t.equal(status.code, 0, status.err)
    t.equal(status.out.match(/ {2}Authentication cache hits \d+\/\d+ \(\d+%\)/g)?.length, 3, status.out)
    t.equal((await homing(['cache', 'status', '--reset'])).code, 0)
    const fresh = JSON.parse((await homing(['cache', 'status', '--json'])).out)
    t.same(
      fresh.copies.map(({ stats }: { stats: { hits: number; positive: { entries: number } } }) => [
        stats.hits,
        stats.positive.entries > 0,
      ]),
      [
        [0, true],
        [0, true],
        [0, true],
      ],
    )
  })

  await t.test('the same over HTTP, on one copy for all', async t => {
    await fill('two')
    const ask = async (path: string, body?: object) => {
      const reply = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
        method: body ? 'POST' : 'GET',
        headers: {
          authorization: 'Bearer admin-secret',
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      })
      return { status: reply.status, body: (await reply.json()) as { copies: object[]; complete?: boolean } }
    }
    const admin = await site.startCopy(
      `valkey_url = "${bus}"\nadmin_listen = "127.0.0.1:${adminPort}"\nadmin_token = "admin-secret"\n`,
    )
    const status = await ask('/v1/admin/cache')
    t.equal(status.status, 200)
    t.equal(status.body.copies.length, 4)
    const flushed = await ask('/v1/admin/cache/flush', { users: ['anna@example.org'] })
    t.equal(flushed.status, 200)
    t.match(flushed.body, { complete: true, dovecots: [] })
    t.same(
      flushed.body.copies.map(copy => (copy as { entries: number }).entries).sort(),
      [0, 1, 1, 1],
      'the new copy had nothing yet',
    )
    await admin.stop()
  })

  await t.test('without the bus it takes a look of each copy', async t => {
    await redis.kill()
    await fill('two')
    const flushed = await homing(['cache', 'flush', 'anna@example.org'])
    t.equal(flushed.code, 0, flushed.err)
    t.equal(flushed.out.match(/: 1 cache entries flushed/g)?.length, 5, flushed.out)
  })

  await t.test('who does not answer is named, and who has ended is not waited for', async t => {
    const [first, second] = copies
    first?.hang()
    const hung = await homing(['cache', 'flush', 'anna@example.org'])
    first?.resume()
    t.equal(hung.code, 75)
    t.match(hung.err, /^\S+\/\d+\/\w+: has not confirmed\n$/)
    t.equal(hung.out.match(/cache entries flushed/g)?.length, 4, hung.out)
    await second?.stop()
    const fewer = await homing(['cache', 'flush', 'anna@example.org'])
    t.equal(fewer.code, 0, fewer.err)
    t.equal(fewer.out.match(/cache entries flushed/g)?.length, 4, fewer.out)
  })

  await t.test('a database that is down is no "done"', async t => {
    await site.mariadb.kill()
    const flushed = await homing(['cache', 'flush', 'anna@example.org'])
    t.equal(flushed.code, 75)
    t.match(flushed.err, /the copies cannot be asked: /)
    t.equal(flushed.out.match(/cache entries flushed/g)?.length, 2, 'the Dovecots did')
  })
})
