import t from 'tap'
import { sql } from '../../../src/passdb/sql.js'
import { memoryDatabases } from '../../conformance/passdb/memory-database.js'
import { driverDeps, withDefaults } from '../../conformance/passdb/open-driver.js'
import { request } from '../../conformance/passdb/passdb.suite.js'

type Row = Record<string, string | number | null>

const proxied: Row = {
  username: 'anna@example.org',
  password: null,
  active: 1,
  host: 'backend1',
  port: 143,
  ssl_mode: 'starttls',
  destuser: 'anna',
}
const local: Row = {
  username: 'bob@example.org',
  password: '{PLAIN}pb',
  active: 1,
  home: '/srv/bob',
  uid: 5000,
  gid: 'vmail',
}

/** The lookup of a table's only row, by the row's user, with its fields as an object. */
async function lookUp(
  tableName: string,
  row: Row,
  { user = `${row.username}`, protocol = 'imap', settings = {} } = {},
) {
  const databases = memoryDatabases({ [tableName]: [row] })
  const given = withDefaults(sql.options, { table: tableName, ...settings })
  const passdb = await sql.open(given, driverDeps(databases))
  const found = await passdb.lookup(request(user, { protocol }))
  return found.result === 'ok' ? { ...found, fields: Object.fromEntries(found.fields) } : found
}

t.test('a proxied user without a stored password is routed, and the backend decides', async t => {
  t.same(await lookUp('proxy_users', proxied), {
    result: 'ok',
    fields: {
      proxy: 'y',
      host: 'backend1',
      port: '143',
      starttls: 'yes',
      nodelay: 'y',
      proxy_nopipelining: 'y',
      destuser: 'anna',
      nopassword: 'y',
    },
  })
})

t.test('a proxied user with a stored password is verified here first', async t => {
  const found = await lookUp('proxy_users', { ...proxied, password: '{PLAIN}p' })
  t.match(found, {
    result: 'ok',
    credentials: { stored: '{PLAIN}p' },
    fields: { proxy: 'y', host: 'backend1' },
  })
  t.notMatch(found, { fields: { nopassword: String } })
})

t.test('the protocol chooses the port', async t => {
  const row = { ...proxied, pop3_port: 110, lmtp_port: null }
  t.match(await lookUp('proxy_users', row, { protocol: 'pop3' }), { fields: { port: '110' } })
  t.match(await lookUp('proxy_users', row, { protocol: 'lmtp' }), { fields: { port: undefined } })
  t.match(await lookUp('proxy_users', row, { protocol: '' }), { fields: { port: '143' } })
})

t.test('settings of the passdb change all its routes', async t => {
  const settings = { proxy_certificates: 'any-cert' as const, proxy_nopipelining: false }
  t.match(await lookUp('proxy_users', proxied, { settings }), {
    fields: { starttls: 'any-cert', proxy_nopipelining: undefined },
  })
})

t.test('a local user has credentials, and userdb fields for prefetch', async t => {
  t.same(await lookUp('local_users', local), {
    result: 'ok',
    credentials: { stored: '{PLAIN}pb' },
    fields: { userdb_home: '/srv/bob', userdb_uid: '5000', userdb_gid: 'vmail' },
  })
  t.same(await lookUp('local_users', { ...local, home: null, uid: null, gid: null }), {
    result: 'ok',
    credentials: { stored: '{PLAIN}pb' },
    fields: {},
  })
})

t.test('a local user without a password has no credentials: nobody gets in by saying nothing', async t => {
  for (const password of [null, '']) {
    const found = await lookUp('local_users', { ...local, password })
    t.equal(found.result, 'ok')
    t.notOk('credentials' in found)
    t.notMatch(found, { fields: { nopassword: String } })
  }
})

t.test('a user is disabled by active = 0 and by NULL, in every table', async t => {
  for (const active of [0, null, '0', 'N', 'no', 'false', '']) {
    t.same(
      await lookUp('proxy_users', { ...proxied, active }),
      { result: 'user_disabled' },
      `proxied, ${active}`,
    )
    t.same(await lookUp('local_users', { ...local, active }), { result: 'user_disabled' }, `local, ${active}`)
  }
  for (const active of [1, '1', 'Y', 'yes', 'true']) {
    t.match(await lookUp('local_users', { ...local, active }), { result: 'ok' }, `${active}`)
  }
  t.same(await lookUp('local_users', { ...local, active: 'suspended' }), {
    result: 'internal_failure',
    reason: 'local_users: column active of "bob@example.org" is neither yes nor no',
  })
})

t.test('a disabled row is disabled even where its route is broken', async t => {
  t.same(await lookUp('proxy_users', { ...proxied, active: 0, host: '' }), { result: 'user_disabled' })
})

t.test('a row that leads nowhere is internal_failure that names user and column', async t => {
  const broken: [Row, string][] = [
    [{ host: '' }, 'column host of "anna@example.org" is empty'],
    [{ port: 0 }, 'column port of "anna@example.org" is no port from 1 to 65535'],
    [{ ssl_mode: 'tls' }, 'column ssl_mode of "anna@example.org" is none of none, starttls, ssl'],
    [{ password: '' }, 'column password of "anna@example.org" is empty (NULL lets the backend decide)'],
  ]
  for (const [over, reason] of broken) {
    t.same(await lookUp('proxy_users', { ...proxied, ...over }), {
      result: 'internal_failure',
      reason: `proxy_users: ${reason}`,
    })
  }
})

t.test('a master user stands in two columns', async t => {
  const row = { user_name: 'adm', domain_name: 'example.org', password: '{PLAIN}m', masteradmin: 1 }
  t.same(await lookUp('master_users', row, { user: 'adm@example.org' }), {
    result: 'ok',
    credentials: { stored: '{PLAIN}m' },
    fields: {},
  })
  t.same(await lookUp('master_users', { ...row, masteradmin: 0 }, { user: 'adm@example.org' }), {
    result: 'user_disabled',
  })
})

t.test('a table of one’s own says which column is what, and further roles are fields', async t => {
  const row: Row = {
    userid: 'john',
    domain: 'domain1.com',
    crypted: '{PLAIN}pj',
    maildir: '/var/vmail/john',
    quota: '1G',
    nets: '192.0.2.0/24',
    nologin: 0,
    free: 'no',
  }
  const columns = {
    user: 'userid',
    domain: 'domain',
    password: 'crypted',
    home: 'maildir',
    userdb_quota_rule: 'quota',
    allow_nets: 'nets',
    nologin: 'nologin',
    nopassword: 'free',
  }
  t.same(await lookUp('users', row, { user: 'john@domain1.com', settings: { columns } }), {
    result: 'ok',
    credentials: { stored: '{PLAIN}pj' },
    fields: { userdb_home: '/var/vmail/john', userdb_quota_rule: '1G', allow_nets: '192.0.2.0/24' },
  })
})

t.test('a column of a known table may be called otherwise or be missing', async t => {
  const settings = { columns: { password: 'pw', active: '' } }
  t.match(await lookUp('local_users', { ...local, pw: '{PLAIN}other', active: 0 }, { settings }), {
    result: 'ok',
    credentials: { stored: '{PLAIN}other' },
  })
})

t.test('two rows that are one user are internal_failure', async t => {
  const databases = memoryDatabases({ local_users: [local, { ...local, username: 'BOB@example.org' }] })
  const passdb = await sql.open(withDefaults(sql.options, { table: 'local_users' }), driverDeps(databases))
  t.same(await passdb.lookup(request('bob@example.org')), {
    result: 'internal_failure',
    reason: 'local_users: several rows are the user "bob@example.org"',
  })
})

t.test('the database is the passdb’s own, or that of the service', async t => {
  const databases = memoryDatabases({})
  const deps = driverDeps(databases, { defaultDatabaseUrl: 'sqlite:./service.db' })
  await sql.open(withDefaults(sql.options, { table: 'local_users' }), deps)
  await sql.open(withDefaults(sql.options, { table: 'local_users', database_url: 'sqlite:./own.db' }), deps)
  t.same(databases.opened, ['sqlite:./service.db', 'sqlite:./own.db'])
})

t.test('columns that can never work are a ConfigError', async t => {
  const open = (table: string, columns: Record<string, string>) =>
    sql.open(withDefaults(sql.options, { table, columns }), driverDeps())
  const rejects = (promise: Promise<unknown>, message: RegExp) =>
    t.rejects(promise, { code: 'ERR_CONFIG', message })
  await rejects(open('users', {}), /passdb test: columns must say which column of users is the user/)
  await rejects(open('local_users', { user: '' }), /which column of local_users is the user/)
  await rejects(open('local_users', { 'a b': 'c' }), /"a b" can be no field/)
  await rejects(open('proxy_users', { starttls: 'tls' }), /no column can be starttls: use ssl_mode/)
  await rejects(open('constructor', {}), /which column of constructor is the user/)
})
