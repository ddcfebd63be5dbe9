// The audit of master users keeps what it is given, alike in every database.

import t from 'tap'
import type { RecordedMasterUse } from '../../../src/model/master-use.js'
import { eachDatabase } from '../passdb/real-databases.js'
import type { databasesFor } from './test-database.js'

const use = (at: number, more: Partial<RecordedMasterUse> = {}): RecordedMasterUse => ({
  at,
  master: 'admin@x',
  user: 'anna@x',
  result: 'ok',
  verifiedBy: 'homing',
  protocol: 'imap',
  ...more,
})

await eachDatabase((label, make) => {
  t.test(`${label}: uses come back whole, the latest first`, async t => {
    const { databases, url } = await make(t)
    const { masterUses } = (databases as ReturnType<typeof databasesFor>).open(url)
    const whole = use(200, {
      user: 'bert@y',
      result: 'password_mismatch',
      reason: 'why',
      verifiedBy: 'caller',
      mechanism: 'PLAIN',
      remoteIp: '2001:db8::1',
      realRemoteIp: '192.0.2.1',
      sessionId: 'ab/+',
    })
    await masterUses.add([use(50), use(100), whole])
    t.same(await masterUses.latest(100, 10), [whole, use(100)])
    t.same(await masterUses.latest(0, 1), [whole])
  })

  t.test(`${label}: names and words of strangers are kept as data, whatever is in them`, async t => {
    const { databases, url } = await make(t)
    const { masterUses } = (databases as ReturnType<typeof databasesFor>).open(url)
    await masterUses.add([
      use(1, {
        master: "x'); drop table master_users; --",
        user: 'ü𝔘\u0000@x'.repeat(200),
        reason: '\ud800',
      }),
      use(2, { protocol: 'ïmap'.repeat(40), sessionId: 'ü' }),
      use(3, { master: '', user: '' }),
    ])
    const rows = await masterUses.latest(0, 10)
    t.equal(rows.length, 3)
    t.equal(rows[2]?.master, "x'); drop table master_users; --")
    t.equal([...(rows[2]?.user ?? '')].length, 255)
    t.equal(rows[1]?.sessionId, '?')
    t.equal(rows[1]?.protocol.length, 64)
  })
})
