import t, { type Test } from 'tap'
import { sql } from '../../../src/userdb/sql.js'
import { driverDeps, withDefaults } from '../passdb/open-driver.js'
import { eachDatabase, type MakeAccounts } from '../passdb/real-databases.js'
import { type UserdbUnderTest, userdbSuite } from './userdb.suite.js'

async function openSql(t: Test, make: MakeAccounts): Promise<UserdbUnderTest> {
  const { databases, url, execute } = await make(t)
  return {
    driver: 'sql',
    userdb: await sql.open(withDefaults(sql.options, { database_url: url }), driverDeps(databases)),
    known: [
      { user: 'anna@example.org', fields: { uid: '5000', gid: 'vmail', home: '/srv/anna' } },
      { user: 'bob@example.org', fields: {} },
      { user: 'off@example.org', fields: { uid: '5000', gid: 'vmail', home: '/srv/off' } },
    ],
    unknown: 'nobody@example.org',
    listed: ['anna@example.org', 'bob@example.org', 'off@example.org'],
    breakIt: async () => void (await execute('alter table local_users rename to away')),
    mendIt: async () => void (await execute('alter table away rename to local_users')),
  }
}

await eachDatabase((label, make) => {
  t.test(`sql, over ${label}`, async t => userdbSuite(t, t => openSql(t, make)))
})
