import t, { type Test } from 'tap'
import { sql } from '../../../src/passdb/sql.js'
import { memoryDatabases } from './memory-database.js'
import { driverDeps, withDefaults } from './open-driver.js'
import { type PassdbUnderTest, passdbSuite } from './passdb.suite.js'

const localUsers = () => [
  { username: 'anna@example.org', password: '{PLAIN}pa', active: 1, home: '/srv/a', uid: 5000, gid: 5000 },
  { username: 'Bob@Example.org', password: '{PLAIN}pb', active: 1, home: '/srv/b', uid: 5000, gid: 5000 },
  { username: 'off@example.org', password: '{PLAIN}po', active: 0, home: '/srv/o', uid: 5000, gid: 5000 },
]

async function openSql(_t: Test): Promise<PassdbUnderTest> {
  const databases = memoryDatabases({ local_users: localUsers() })
  const given = withDefaults(sql.options, { table: 'local_users' })
  const passdb = await sql.open(given, driverDeps(databases))
  return {
    driver: 'sql',
    passdb,
    known: [
      { user: 'anna@example.org', stored: '{PLAIN}pa' },
      { user: 'bob@example.org', stored: '{PLAIN}pb' },
    ],
    disabled: 'off@example.org',
    unknown: 'nobody@example.org',
    breakIt: async () => {
      databases.failure = new Error('connect ECONNREFUSED')
    },
    mendIt: async () => {
      databases.failure = undefined
    },
    hang: async () => {
      databases.hanging = true
    },
  }
}

t.test('sql, over an account table in memory', async t => passdbSuite(t, openSql))
