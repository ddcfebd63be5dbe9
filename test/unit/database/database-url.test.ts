import t from 'tap'
import { parseDatabaseUrl, redactDatabaseUrl } from '../../../src/database/database-url.js'

t.test('a MySQL URL names hosts in order, user, password and database', async t => {
  t.same(parseDatabaseUrl('mysql://dovecot:secret@db1,db2:3307/mailproxy'), {
    kind: 'mysql',
    hosts: [
      { host: 'db1', port: 3306 },
      { host: 'db2', port: 3307 },
    ],
    user: 'dovecot',
    password: 'secret',
    database: 'mailproxy',
    name: 'mysql://dovecot@db1,db2:3307/mailproxy',
  })
  t.match(parseDatabaseUrl('mysql://dovecot@db1/m'), { password: undefined, name: 'mysql://dovecot@db1/m' })
  t.match(parseDatabaseUrl('mariadb://u:@db1/m'), { kind: 'mysql', password: '' })
  t.match(parseDatabaseUrl('mysql://u%40x:p%40%3A%2F%3F%25ss@db1/m%2dx'), {
    user: 'u@x',
    password: 'p@:/?%ss',
    database: 'm-x',
  })
  t.match(
    parseDatabaseUrl('mysql://u:p@ss@db1/m'),
    { password: 'p@ss', hosts: [{ host: 'db1' }] },
    'the last @ counts',
  )
  t.match(parseDatabaseUrl('mysql://u@[2001:db8::1]:3307,[::1]/m'), {
    hosts: [
      { host: '2001:db8::1', port: 3307 },
      { host: '::1', port: 3306 },
    ],
  })
  t.match(parseDatabaseUrl('mysql://u@localhost/m?socket=/run/mysqld/mysqld.sock'), {
    hosts: [{ socketPath: '/run/mysqld/mysqld.sock' }],
    name: 'mysql://u@localhost/m?socket=/run/mysqld/mysqld.sock',
  })
})

t.test('a SQLite URL names a file', async t => {
  t.match(parseDatabaseUrl('sqlite:/var/lib/homing.db'), { kind: 'sqlite', path: '/var/lib/homing.db' })
  t.match(parseDatabaseUrl('sqlite:///var/lib/homing.db'), { path: '/var/lib/homing.db' })
  t.match(parseDatabaseUrl('sqlite:./data/homing.db'), {
    path: `${process.cwd()}/data/homing.db`,
    name: 'sqlite:./data/homing.db',
  })
  t.match(parseDatabaseUrl('sqlite://./data/homing.db'), { path: `${process.cwd()}/data/homing.db` })
  t.match(parseDatabaseUrl('sqlite::memory:'), { path: ':memory:' })
})

const wrong: [url: string, problem: RegExp][] = [
  ['', /no kind of database \(known: mysql/],
  ['homing.db', /no kind of database/],
  ['postgres://u:the-secret@db1/m', /unknown kind "postgres" \(known: mysql/],
  ['mysql:db1', /write mysql:\/\//],
  ['mysql://db1/m', /names no user/],
  ['mysql://:the-secret@db1/m', /names no user/],
  ['mysql://u:the-secret@db1', /names no database/],
  ['mysql://u:the-secret@db1/', /names no database/],
  ['mysql://u:the-secret@db1/a/b', /a database name cannot hold "\/"/],
  ['mysql://u:the-secret@/m', /"" is no host/],
  ['mysql://u:the-secret@db1,,db2/m', /"" is no host/],
  ['mysql://u:the-secret@db1:port/m', /"db1:…" is no host/],
  ['mysql://u:the-secret@db1:0/m', /port 0 is not between/],
  ['mysql://u:the-secret@db1:99999/m', /port 99999 is not between/],
  ['mysql://u:the-secret@::1/m', /"::1" is no host .*\[IPv6\]/],
  ['mysql://u:the-secret%@db1/m', /the password holds a % that starts no %XX/],
  ['mysql://u:the-secret@db1/m?ssl=true', /only socket=/],
  ['mysql://u:the-secret@db1/m?socket=mysqld.sock', /absolute path/],
  ['mysql://u@homing:the-secret/m', /"homing:…" is no host/],
  ['mysql://homing:the-secret/mailproxy', /names no user/],
  ['mysql:homing:the-secret@db/m', /write mysql:\/\/user:password@host\/name/],
  ['mysql:/homing:the-secret@db/m', /write mysql:\/\/user:password@host\/name/],
  ['homing:the-secret@db/m', /no kind of database/],
  ['the-secret:and more', /no kind of database/],
  ['the-secret', /no kind of database/],
  ['mysql://u:the-secret@db1/m\n', /a line break or another control character/],
  ['sqlite:', /names no file/],
]

for (const [url, problem] of wrong) {
  t.test(`${url || 'nothing'} is refused with the reason`, async t => {
    t.throws(() => parseDatabaseUrl(url), { code: 'ERR_CONFIG', message: problem })
    try {
      parseDatabaseUrl(url)
    } catch (error) {
      t.notMatch(String((error as Error).message), /the-secret/)
    }
  })
}

t.test('a URL is shown without its password', async t => {
  t.equal(redactDatabaseUrl('mysql://u:p@ss:w@db1/m'), 'mysql://u:***@db1/m')
  t.equal(redactDatabaseUrl('mysql://u@db1:3306/m'), 'mysql://u@db1:3306/m')
  t.equal(redactDatabaseUrl('sqlite:./data/homing.db'), 'sqlite:./data/homing.db')
})
