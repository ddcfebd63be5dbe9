// Ways to reach a MariaDB, and what is said when it will not have us.

import t from 'tap'
import { collect, lower, openFor } from '../conformance/database/test-database.js'
import { startOwnMariadb, whyNoMariadb } from './mariadb-server.js'

const reason = process.env.HOMING_TEST_MYSQL_URL ? undefined : whyNoMariadb()

t.test('a database is reached by the ways that its URL can say', reason ? { skip: reason } : {}, async t => {
  const server = await startOwnMariadb()
  t.teardown(() => server.close())
  await server.createDatabase('mail')
  const odd = 'p@:/?%#ß "\\\''
  await server.execute(
    `set names utf8mb4; create user odd@'%' identified by '${odd.replace(/['\\]/g, '\\$&')}'; grant select on mail.* to odd@'%'; create user nobody@'%'`,
  )
  const at = `127.0.0.1:${server.port}/mail`
  const socket = encodeURIComponent(server.socket ?? '')
  const ping = (url: string, settings = {}) => openFor(t, url, settings).ping()

  t.equal(await ping(`mysql://homing:homing-test@${at}`), true)
  t.equal(await ping(`mysql://homing:homing-test@localhost:${server.port}/mail`), true)
  t.equal(await ping(`mysql://odd:${encodeURIComponent(odd)}@${at}`), true, 'a password of odd characters')
  t.equal(
    await ping(`mysql://homing@${at}`, { database_password: 'homing-test' }),
    true,
    'a password from the settings',
  )
  t.equal(
    await ping(`mysql://homing:homing-test@${at}`, { database_password: 'other' }),
    true,
    'the URL’s own password counts',
  )
  t.equal(await ping(`mysql://homing:homing-test@localhost/mail?socket=${socket}`), true, 'a unix socket')
  t.equal(
    await ping(`mysql://homing:homing-test@localhost/mail?socket=${socket}`, { database_tls: 'yes' }),
    true,
  )
  t.equal(
    await ping(`mysql://homing:homing-test@no-such-host.invalid,${at}`),
    true,
    'a first host without address',
  )

  const refusals: [url: string, cause: object][] = [
    [`mysql://homing:wrong-password@${at}`, { code: 'ER_ACCESS_DENIED_ERROR', temporary: false }],
    [
      `mysql://homing:homing-test@127.0.0.1:${server.port}/nope`,
      { code: 'ER_BAD_DB_ERROR', temporary: false },
    ],
    [`mysql://nobody@${at}`, { code: 'ER_DBACCESS_DENIED_ERROR', temporary: false }],
    [
      'mysql://homing:wrong-password@127.0.0.1:1/mail',
      { code: 'ECONNREFUSED', temporary: true, message: /127\.0\.0\.1:1/ },
    ],
    [
      `mysql://homing:wrong-password@localhost/mail?socket=/nonexistent.sock`,
      { code: 'ENOENT', temporary: true },
    ],
  ]
  for (const [url, cause] of refusals) {
    const answer = await openFor(t, url)
      .accountTable({ table: 'x', columns: { user: 'name' }, normalise: name => name })
      .find('anna')
    t.match(answer, { found: 'error', cause })
    t.notMatch(answer.found === 'error' && answer.cause.message, /wrong-password|homing-test|anna/)
  }
})

t.test(
  'a server that gives few rows unless told otherwise leaves no user out',
  reason ? { skip: reason } : {},
  async t => {
    const server = await startOwnMariadb()
    t.teardown(() => server.close())
    await server.createDatabase('mail')
    const names = ['anna', 'bob', 'eve', 'Zoe']
    await server.execute(
      `create table users (name varchar(100) character set utf8mb4 collate utf8mb4_bin primary key, number integer);
       insert into users values ${names.map((name, number) => `('${name}', ${number})`)};
       create user reader@'%' identified by 'r'; grant select on mail.* to reader@'%'`,
      'mail',
    )
    const url = `mysql://reader:r@127.0.0.1:${server.port}/mail`
    for (const setting of [
      'set global sql_select_limit = 1',
      "set global sql_select_limit = default; set global init_connect = 'set sql_select_limit = 1'",
    ]) {
      await server.execute(setting)
      const table = openFor(t, url).accountTable({
        table: 'users',
        columns: { user: 'name', number: 'number' },
        normalise: lower,
      })
      const found = await Promise.all(names.map(name => table.find(lower(name))))
      t.same(
        found.map(answer => answer.found),
        ['one', 'one', 'one', 'one'],
        setting,
      )
      t.same(await collect(table.list('*')), names.map(lower))
    }
  },
)
