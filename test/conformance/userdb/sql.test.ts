import t, { type Test } from 'tap'
import { sql } from '../../../src/userdb/sql.js'
import { memoryDatabases } from '../passdb/memory-database.js'
import { driverDeps, withDefaults } from '../passdb/open-driver.js'
import { type UserdbUnderTest, userdbSuite } from './userdb.suite.js'

async function openSql(_t: Test): Promise<UserdbUnderTest> {
  const databases = memoryDatabases({
    local_users: [
      { username: 'anna@x', password: '{PLAIN}p', active: 1, home: '/srv/anna', uid: 5000, gid: 'vmail' },
      { username: 'Bob@x', password: '{PLAIN}p', active: 0, home: null, uid: null, gid: null },
    ],
  })
  return {
    driver: 'sql',
    userdb: await sql.open(withDefaults(sql.options, {}), driverDeps(databases)),
    known: [
      { user: 'anna@x', fields: { uid: '5000', gid: 'vmail', home: '/srv/anna' } },
      { user: 'bob@x', fields: {} },
    ],
    unknown: 'nobody@x',
    listed: ['anna@x', 'bob@x'],
    breakIt: async () => {
      databases.failure = new Error('connect ECONNREFUSED')
    },
    mendIt: async () => {
      databases.failure = undefined
    },
  }
}

t.test('sql, over an account table in memory', async t => userdbSuite(t, openSql))
