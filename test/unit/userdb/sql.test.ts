import t from 'tap'
import { sql } from '../../../src/userdb/sql.js'
import { memoryDatabases } from '../../conformance/passdb/memory-database.js'
import { driverDeps, withDefaults } from '../../conformance/passdb/open-driver.js'
import { request } from '../../conformance/passdb/passdb.suite.js'

type Settings = Parameters<typeof sql.open>[0]
type Tables = Parameters<typeof memoryDatabases>[0]

const open = (tables: Tables, given: Partial<Settings>) =>
  sql.open(withDefaults(sql.options, given), driverDeps(memoryDatabases(tables)))

t.test('a table of one’s own says which column is what; NULL and empty are absent', async t => {
  const users = [{ userid: 'john', domain: 'd1', maildir: '', uid: 5000, quota: '1G', password: '{PLAIN}p' }]
  const columns = { user: 'userid', domain: 'domain', home: 'maildir', uid: 'uid', quota_rule: 'quota' }
  const userdb = await open({ users }, { table: 'users', columns })
  const found = await userdb.lookup(request('john@d1'))
  t.same(found.result === 'ok' && Object.fromEntries(found.fields), { uid: '5000', quota_rule: '1G' })
})

t.test('a flag that says no is absent, and hurts nobody', async t => {
  const users = [
    { userid: 'open', closed: 0 },
    { userid: 'shut', closed: 1 },
  ]
  const columns = { user: 'userid', tempfail: 'closed' }
  const userdb = await open({ users }, { table: 'users', columns })
  t.same(await userdb.lookup(request('open')), { result: 'ok', fields: new Map() })
  t.same(await userdb.lookup(request('shut')), { result: 'ok', fields: new Map([['tempfail', '1']]) })
})

t.test('proxied users can be listed, and are unknown to a lookup', async t => {
  const proxy_users = [{ username: 'anna@x', host: 'b1' }]
  const userdb = await open({ proxy_users }, { table: 'proxy_users', list_only: true })
  t.same(await userdb.lookup(request('anna@x')), { result: 'user_unknown' })
  const listed: string[] = []
  for await (const user of userdb.list?.('*') ?? []) listed.push(user)
  t.same(listed, ['anna@x'])
})

t.test('two rows that are one user are internal_failure', async t => {
  const local_users = [{ username: 'anna' }, { username: 'ANNA' }]
  const userdb = await open({ local_users }, {})
  t.same(await userdb.lookup(request('anna')), {
    result: 'internal_failure',
    reason: 'local_users: several rows are the user "anna"',
  })
})

t.test('columns that can never work are a ConfigError', async t => {
  const rejects = (given: Partial<Settings>, message: RegExp) =>
    t.rejects(open({}, given), { code: 'ERR_CONFIG', message })
  await rejects({ table: 'users' }, /userdb test: columns must say which column of users is the user/)
  await rejects({ columns: { password: 'password' } }, /"password" can be no field of a userdb/)
  await rejects({ columns: { 'a b': 'c' } }, /"a b" can be no field of a userdb/)
  await rejects({ table: 'proxy_users' }, /proxied users have no mail here: set list_only = true/)
})
