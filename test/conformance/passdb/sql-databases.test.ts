import t, { type Test } from 'tap'
import { sql } from '../../../src/passdb/sql.js'
import { driverDeps, withDefaults } from './open-driver.js'
import { type PassdbUnderTest, passdbSuite, request } from './passdb.suite.js'
import { eachDatabase, type MakeAccounts } from './real-databases.js'

async function openSql(t: Test, make: MakeAccounts): Promise<PassdbUnderTest> {
  const { databases, url, execute } = await make(t)
  const given = withDefaults(sql.options, { table: 'local_users', database_url: url })
  return {
    driver: 'sql',
    passdb: await sql.open(given, driverDeps(databases)),
    known: [
      { user: 'anna@example.org', stored: '{PLAIN}pa' },
      { user: 'bob@example.org', stored: '{PLAIN}pb' },
    ],
    disabled: 'off@example.org',
    unknown: 'nobody@example.org',
    breakIt: async () => void (await execute('alter table local_users rename to away')),
    mendIt: async () => void (await execute('alter table away rename to local_users')),
  }
}

await eachDatabase((label, make) => {
  t.test(`sql, over ${label}`, async t => passdbSuite(t, t => openSql(t, make)))

  t.test(`sql, over ${label}: the guide's tables give the fields of the contract`, async t => {
    const { databases, url, execute } = await make(t)
    const open = (table: string) =>
      sql.open(withDefaults(sql.options, { table, database_url: url }), driverDeps(databases))
    await execute(`insert into proxy_users (username, host, port, destuser, pop3_port) values
      ('Paul@example.org', 'backend1', 143, 'paul', null), ('lost@example.org', '', null, null, null)`)
    await execute(
      `insert into master_users (user_name, domain_name, password) values ('adm', 'x', '{PLAIN}pm')`,
    )

    const proxied = await open('proxy_users')
    const fields = async (protocol: string) => {
      const found = await proxied.lookup(request('paul@example.org', { protocol }))
      return found.result === 'ok' && Object.fromEntries(found.fields)
    }
    const route = { proxy: 'y', host: 'backend1', starttls: 'yes', nodelay: 'y', proxy_nopipelining: 'y' }
    t.same(await fields('imap'), { ...route, port: '143', destuser: 'paul', nopassword: 'y' })
    t.same(await fields('pop3'), { ...route, destuser: 'paul', nopassword: 'y' })
    t.same(await proxied.lookup(request('lost@example.org')), {
      result: 'internal_failure',
      reason: 'proxy_users: column host of "lost@example.org" is empty',
    })

    const local = await (await open('local_users')).lookup(request('anna@example.org'))
    t.same(local.result === 'ok' && Object.fromEntries(local.fields), {
      userdb_home: '/srv/anna',
      userdb_uid: '5000',
      userdb_gid: 'vmail',
    })
    const masters = await open('master_users')
    t.match(await masters.lookup(request('adm@x')), { result: 'ok', credentials: { stored: '{PLAIN}pm' } })
  })
})
