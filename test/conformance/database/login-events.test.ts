// Login events and last logins are kept, asked about and pruned alike in every database.

import t from 'tap'
import type { LoginEvent } from '../../../src/model/login-event.js'
import { eachDatabase } from '../passdb/real-databases.js'
import { databasesFor } from './test-database.js'

const event = (at: number, user: string, result: string, more: Partial<LoginEvent> = {}): LoginEvent => ({
  at,
  user,
  result,
  protocol: 'imap',
  remoteIp: '192.0.2.1',
  ...more,
})

await eachDatabase((label, make) => {
  t.test(`${label}: what was added is reported, the most and the latest first`, async t => {
    const { databases, url } = await make(t)
    const { loginEvents } = (databases as ReturnType<typeof databasesFor>).open(url)
    await loginEvents.add([
      event(50, 'old@x', 'password_mismatch'),
      event(100, 'anna@x', 'password_mismatch'),
      event(110, 'anna@x', 'password_mismatch', { remoteIp: '192.0.2.2' }),
      event(120, 'Anna@x', 'user_unknown', {
        remoteIp: '2001:db8::1',
        mechanism: 'PLAIN',
        sessionId: 'ab/+',
      }),
      event(130, 'bob@x', 'ok'),
      event(140, 'bob@x', 'internal_failure'),
      event(150, 'carl@x', 'ok', { masterUser: 'admin@x', remoteIp: '198.51.100.1' }),
      event(160, 'nowhere@x', 'user_disabled', { remoteIp: undefined } as object),
    ])
    t.same(await loginEvents.failures(100, 2), [
      { user: 'anna@x', failures: 2, addresses: 2, last: 110 },
      { user: 'Anna@x', failures: 1, addresses: 1, last: 120 },
    ])
    t.same(await loginEvents.addresses(100, 10), [
      { address: '192.0.2.1', failures: 1, logins: 1, users: 2, last: 140 },
      { address: '192.0.2.2', failures: 1, logins: 0, users: 1, last: 110 },
      { address: '2001:db8::1', failures: 1, logins: 0, users: 1, last: 120 },
      { address: '198.51.100.1', failures: 0, logins: 1, users: 1, last: 150 },
    ])
  })

  t.test(`${label}: names of strangers are kept as data, whatever is in them`, async t => {
    const { databases, url } = await make(t)
    const { loginEvents } = (databases as ReturnType<typeof databasesFor>).open(url)
    const names = [
      "x'); drop table local_users; --",
      'ü𝔘\u0000@x',
      '\ud800',
      'a'.repeat(3000),
      '\\',
      '%_',
      '',
    ]
    await loginEvents.add(
      names.map(name =>
        event(1, name, 'user_unknown', { protocol: 'ü'.repeat(99), sessionId: name, masterUser: name }),
      ),
    )
    const stored = (await loginEvents.failures(0, 100)).map(({ user }) => user)
    t.same(new Set(stored), new Set([names[0], 'ü𝔘\ufffd@x', '\ufffd', 'a'.repeat(255), '\\', '%_', '']))
    await loginEvents.setLastLogins(names.map(name => event(1, name, 'ok')))
    t.same(await loginEvents.lastLogins(names[0] ?? ''), [{ protocol: 'imap', at: 1, address: '192.0.2.1' }])
  })

  t.test(`${label}: the last login is the latest, whichever is written last`, async t => {
    const { databases, url } = await make(t)
    const { loginEvents } = (databases as ReturnType<typeof databasesFor>).open(url)
    await loginEvents.setLastLogins([
      event(10, 'anna@x', 'ok'),
      event(30, 'anna@x', 'ok', { remoteIp: '192.0.2.3' }),
      event(20, 'anna@x', 'ok', { remoteIp: '192.0.2.2' }),
      event(15, 'anna@x', 'ok', { protocol: 'pop3' }),
    ])
    await loginEvents.setLastLogins([event(25, 'anna@x', 'ok', { remoteIp: '192.0.2.9' })])
    t.same(await loginEvents.lastLogins('anna@x'), [
      { protocol: 'imap', at: 30, address: '192.0.2.3' },
      { protocol: 'pop3', at: 15, address: '192.0.2.1' },
    ])
    await loginEvents.setLastLogins([event(31, 'anna@x', 'ok', { remoteIp: '192.0.2.4' })])
    t.match(await loginEvents.lastLogins('anna@x'), [{ at: 31, address: '192.0.2.4' }, {}])
  })

  t.test(`${label}: pruning takes the oldest, no more than it is told at once`, async t => {
    const { databases, url } = await make(t)
    const { loginEvents } = (databases as ReturnType<typeof databasesFor>).open(url)
    await loginEvents.add(
      Array.from({ length: 25 }, (_, at) => event(at, `user${at}@x`, 'password_mismatch')),
    )
    t.equal(await loginEvents.prune(15, 10), 10)
    t.equal(await loginEvents.prune(15, 10), 5)
    t.equal(await loginEvents.prune(15, 10), 0)
    t.equal((await loginEvents.failures(0, 100)).length, 10)
  })

  t.test(`${label}: two copies that write at once do not lose anything`, async t => {
    const { databases, url } = await make(t)
    const copies = [(databases as ReturnType<typeof databasesFor>).open(url), databasesFor(t).open(url)]
    const users = Array.from({ length: 40 }, (_, n) => `user${n}@x`)
    await Promise.all(
      copies.flatMap(({ loginEvents }, copy) =>
        Array.from({ length: 5 }, (_, round) => {
          const order = copy === 0 ? users : [...users].reverse()
          return loginEvents
            .setLastLogins(order.map(user => event(round * 2 + copy, user, 'ok')))
            .then(() => loginEvents.add(order.map(user => event(round, user, 'password_mismatch'))))
        }),
      ),
    )
    const { loginEvents } = copies[0] as (typeof copies)[number]
    const failures = await loginEvents.failures(0, 100)
    t.same([failures.length, new Set(failures.map(row => row.failures))], [40, new Set([10])])
    t.match(await loginEvents.lastLogins('user7@x'), [{ at: 9 }])
  })
})
