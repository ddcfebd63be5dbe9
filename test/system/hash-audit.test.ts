// homing hash-audit, over tables in SQLite and MariaDB at once.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import t from 'tap'
import { startMariadb, whyNoMariadb } from './mariadb-server.js'

const program = fileURLToPath(new URL('../../src/cli/homing.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'homing-audit-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const database = join(folder, 'homing.db')
const config = join(folder, 'homing.toml')
writeFileSync(config, `database_url = "sqlite:${database}"\n`, { mode: 0o600 })

function homing(args: readonly string[], env: NodeJS.ProcessEnv = {}, command = process.execPath) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { code: status, out: stdout, err: stderr }
}

const audit = (args: readonly string[] = [], env?: NodeJS.ProcessEnv) =>
  homing([program, 'hash-audit', '--config', config, ...args], env)

/** Texts that stand for secrets: none may be printed. */
const digest = 'mcCDk6dNL5N0ijt8G9cMeU.2SLHUPRvQks/S0b3xWPKwxC/ouwbeCpt1WQloVhjazWF95X44lzjAj904IpNm1/'
const ssha = 'kC9EOGXvs+yS2TtOb0ZDyFnDJ6hzYWx0'
const secrets = [digest, ssha, 'hunter2', '0123456789abcdef', '5f4dcc3b5aa765d61d8327deb882cf99']

const rows: readonly [string, string][] = [
  ['anna@example.org', `{SHA512-CRYPT}$6$rounds=1000$0123456789abcdef$${digest}`],
  ['bert@example.org', `$6$rounds=1000$0123456789abcdef$${digest}`],
  ['carl@example.org', `{SSHA}${ssha}`],
  ['dora@example.net', '{PLAIN}hunter2'],
  ['emil@example.net', '{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99'],
  ['fritz@example.net', `{SHA512-CRYPT}$6$0123456789abcdef$${digest.slice(3)}`],
  ['gina\u001b[31m', '{ROT13}uhagre2'],
  ['hans@example.net', `{SHA512-CRYPT}$6$rounds=99999999$0123456789abcdef$${digest}`],
  ['ida@example.net', ''],
]

t.before(() => {
  homing([program, 'migrate', '--config', config])
  const connection = new Database(database)
  const insert = connection.prepare('insert into local_users (username, password, active) values (?, ?, 1)')
  for (const row of rows) insert.run(row)
  connection.close()
})

t.test('schemes and costs are counted by table and domain, and the weakest are named', async t => {
  const { code, out, err } = audit(['--weakest', '3'])
  t.equal(code, 0)
  t.equal(err, '', 'no progress where nobody looks')
  t.equal(
    out,
    [
      'local_users fritz@example.net: cannot be read: SHA512-CRYPT whose digest is cut or damaged',
      'local_users gina\ufffd[31m: cannot be read: unknown password scheme ROT13',
      'local_users hans@example.net: cannot be read: SHA512-CRYPT with 99999999 rounds, more than auth_hash_max_rounds',
      `proxy_users in sqlite:${database}: 0 accounts`,
      `local_users in sqlite:${database}: 9 accounts, 3 cannot be read`,
      '  (no domain)',
      '           1  unreadable',
      '  example.net',
      '           1  PLAIN',
      '           1  PLAIN-MD5',
      '           1  no password',
      '           2  unreadable',
      '  example.org',
      '           1  SSHA',
      '           2  SHA512-CRYPT rounds=1000',
      'weakest accounts:',
      '  dora@example.net (local_users): PLAIN',
      '  emil@example.net (local_users): PLAIN-MD5',
      '  carl@example.org (local_users): SSHA',
      '',
    ].join('\n'),
  )
  for (const secret of secrets) t.notOk(out.includes(secret))
})

t.test('the same for programs', async t => {
  const { code, out } = audit(['--json', '--weakest', '1'])
  t.equal(code, 0)
  const said = JSON.parse(out)
  t.same(
    said.tables.map(({ table, accounts, unreadable }: Record<string, unknown>) => [
      table,
      accounts,
      unreadable,
    ]),
    [
      ['proxy_users', 0, 0],
      ['local_users', 9, 3],
    ],
  )
  t.same(said.tables[1].hashes.at(-1), {
    domain: 'example.org',
    scheme: 'SHA512-CRYPT',
    cost: 'rounds=1000',
    accounts: 2,
  })
  t.same(said.weakest, [{ table: 'local_users', user: 'dora@example.net', scheme: 'PLAIN', cost: '' }])
  t.same(
    said.unreadable.map(({ user }: { user: string }) => user),
    ['fritz@example.net', 'gina\u001b[31m', 'hans@example.net'],
  )
  t.equal(said.unreadable_left_out, 0)
  for (const secret of secrets) t.notOk(out.includes(secret))
})

t.test('on a terminal there is a progress bar, which is gone at the end', async t => {
  const command = [process.execPath, program, 'hash-audit', '--config', config].join(' ')
  const { code, out, err } = homing(['-qec', command, '/dev/null'], { TERM: 'xterm' }, 'script')
  if (code === null) return void t.comment(`no script(1): ${err}`)
  t.equal(code, 0)
  t.match(out, /\r\u001b\[Klocal_users [█░]{30} +\d+ % 1 of 9\r\u001b\[K/)
})

t.test('--weakest takes a whole number, 0 for none', async t => {
  t.equal(audit(['--weakest', 'all']).code, 64)
  t.notMatch(audit(['--weakest', '0']).out, /weakest/)
})

t.test('a database that has no such table, or does not answer, is said and is no result', async t => {
  const missing = audit(['--set', `database_url=sqlite:${join(folder, 'empty.db')}`])
  t.match(missing, { code: 69, err: /homing migrate makes the tables/ })
  const down = audit([], { HOMING_DATABASE_URL: 'mysql://homing:x@127.0.0.1:1/mail' })
  t.match(down, { code: 75, out: '' })
})

const reason = whyNoMariadb()
t.test(
  'every sql passdb is read, where it is and as its columns are called',
  { skip: reason ?? false },
  async t => {
    const server = await startMariadb()
    t.teardown(() => server.close())
    const name = `homing_audit_${process.pid}`
    const url = await server.createDatabase(name)
    await server.execute(
      `create table people (login varchar(64), dom varchar(64), secret varchar(255));
     insert into people values ('anna', 'Example.org', '${ssha}'), ('bert', 'example.com', '{PLAIN}hunter2')`,
      name,
    )
    const file = join(folder, 'chain.toml')
    const link = (passdb: string, more: string) => `[[passdb]]\nname = "${passdb}"\ndriver = "sql"\n${more}\n`
    const people = `table = "people"\ndatabase_url = "${url}"\ndefault_password_scheme = "SSHA"
columns = { user = "login", domain = "dom", password = "secret" }`
    const chain = [
      `database_url = "sqlite:${database}"\n`,
      link('people', people),
      link('again', people),
      link('local', 'table = "local_users"'),
    ]
    writeFileSync(file, chain.join(''), { mode: 0o600 })
    const { code, out, err } = homing([program, 'hash-audit', '--config', file, '--json'])
    t.equal(code, 0, err)
    t.match(JSON.parse(out).tables, [
      {
        database: /^mysql:/,
        table: 'people',
        passdb: 'people',
        accounts: 2,
        hashes: [
          { domain: 'example.com', scheme: 'PLAIN', cost: '', accounts: 1 },
          { domain: 'example.org', scheme: 'SSHA', cost: '', accounts: 1 },
        ],
      },
      { table: 'local_users', passdb: 'local', accounts: 9 },
    ])
    t.equal(JSON.parse(out).tables.length, 2)
    t.notOk(out.includes(server.password))
  },
)
