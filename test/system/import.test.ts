// homing local-user import and proxy-user import, into SQLite and MariaDB.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import t, { type Test } from 'tap'
import { type MariadbServer, startMariadb, whyNoMariadb } from './mariadb-server.js'

const program = fileURLToPath(new URL('../../src/cli/homing.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'homing-import-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const hash = `{SHA512-CRYPT}$6$saltsalt$${'a'.repeat(85)}.`

interface Target {
  readonly url: string
  rows(sql: string): Promise<Record<string, unknown>[]>
}

let count = 0

function sqlite(): Target {
  const path = join(folder, `${++count}.db`)
  return {
    url: `sqlite:${path}`,
    rows: async sql => {
      const connection = new Database(path)
      try {
        return connection.prepare(sql).all() as Record<string, unknown>[]
      } finally {
        connection.close()
      }
    },
  }
}

async function mariadb(server: MariadbServer): Promise<Target> {
  const name = `import${++count}`
  const url = await server.createDatabase(name)
  homing(url, ['migrate'])
  return { url, rows: sql => server.execute(sql, name) }
}

function homing(url: string, args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, ...args, '--set', 'auth_username_format=%Lu'],
    { env: { PATH: process.env.PATH, HOMING_DATABASE_URL: url }, encoding: 'utf8', input, timeout: 90_000 },
  )
  return { code: status, out: stdout, err: stderr }
}

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** `user0@…` and so on, all good. */
function manyUsers(rows: number): string {
  const lines = Array.from({ length: rows }, (_, i) => `user${i}@example.org,backend.example.org,${hash}`)
  return ['username,host,password', ...lines, ''].join('\n')
}

function suite(t: Test, make: () => Target | Promise<Target>): void {
  t.test('good lines are stored, bad ones are named by their number, and nothing else is lost', async t => {
    const target = await make()
    const csv = file(
      'mixed.csv',
      [
        '\ufeffUsername,Host,Port,ssl-mode,password',
        `Anna@Example.org,backend1.example.org,,ssl,${hash}`,
        '"quoted@example.org","backend2.example.org",1143,,',
        'nohost@example.org,,,,',
        'badport@example.org,backend,99999,,',
        'short@example.org,backend',
        'clear@example.org,backend,,,secret',
        'cut@example.org,backend,,,{SSHA}AAAA',
        'crypt@example.org,backend,,,$6$saltsalt$'.concat('b'.repeat(85), '.'),
        'damaged@example.org,backend,,,{BLF-CRYPT}$2y$10$short',
        'empty@example.org,backend,,,{SCRAM-SHA-256}x',
        'ANNA@example.org,backend3,,,',
        'with space@example.org,backend,,,',
        `${'long'.repeat(100)}@example.org,backend,,,`,
        'last@example.org,backend,,,',
      ].join('\r\n'),
    )
    const { code, out, err } = homing(target.url, ['proxy-user', 'import', csv])
    t.equal(err, '')
    t.equal(code, 65)
    const refused = out.split('\n').filter(line => line.startsWith('line '))
    t.match(
      refused.map(line => Number(/^line (\d+)/.exec(line)?.[1])).sort((a, b) => a - b),
      [4, 5, 6, 7, 8, 10, 11, 12, 13, 14],
    )
    t.match(out, /line 4 \(nohost@example\.org\): has no host/)
    t.match(out, /line 5 .*: port: "99999" is no port/)
    t.match(out, /line 7 .*: has a password without \{SCHEME\}/)
    t.match(out, /line 10 .*: has a hash that cannot be used: /)
    t.match(out, /line 11 .*: has a hash that cannot be used: SCRAM-SHA-256 without /)
    t.match(out, /line 12 .*: is there already/)
    t.match(out, /\n4 added, 0 updated, 0 there already, 10 refused\n$/)
    t.notMatch(out, /secret|AAAA|bbbb/, 'what stands in a refused line may be a password')
    t.strictSame(
      (
        await target.rows('select username, host, port, ssl_mode, active from proxy_users order by username')
      ).map(row => ({
        ...row,
        port: row.port === null ? null : Number(row.port),
        active: Number(row.active),
      })),
      [
        {
          username: 'anna@example.org',
          host: 'backend1.example.org',
          port: null,
          ssl_mode: 'ssl',
          active: 1,
        },
        { username: 'crypt@example.org', host: 'backend', port: null, ssl_mode: 'starttls', active: 1 },
        { username: 'last@example.org', host: 'backend', port: null, ssl_mode: 'starttls', active: 1 },
        {
          username: 'quoted@example.org',
          host: 'backend2.example.org',
          port: 1143,
          ssl_mode: 'starttls',
          active: 1,
        },
      ],
    )
    t.match(await target.rows("select password from proxy_users where username = 'crypt@example.org'"), [
      { password: /^\{CRYPT\}\$6\$saltsalt\$b/ },
    ])
  })

  t.test('a dry run says the same and changes nothing', async t => {
    const target = await make()
    const lines = file(
      'dry.jsonl',
      [
        JSON.stringify({ user: 'anna', password: hash, home: '/home/anna', uid: 5000 }),
        JSON.stringify({ user: 'anna', password: hash }),
        '{"user": "bert", "password"',
        JSON.stringify({ user: 'carl', password: hash, quota: '1G' }),
        JSON.stringify({ user: 'dora', password: hash, active: false }),
      ].join('\n'),
    )
    const dry = homing(target.url, ['local-user', 'import', lines, '--dry-run'])
    t.match(dry, { code: 65, out: /line 2 \(anna\): stands in an earlier line too\n/ })
    t.match(dry.out, /line 3: is not JSON\nline 4: there is no column quota\n/)
    t.match(dry.out, /dry run, nothing was changed: 2 added, 0 updated, 0 there already, 3 refused/)
    t.strictSame(await target.rows('select username from local_users'), [])
    t.match(homing(target.url, ['local-user', 'import', lines, '--json']), {
      code: 65,
      out: /^\{"line":3,"refused":"is not JSON"\}\n[\s\S]*\{"dry_run":false,"added":2,"updated":0,"skipped":0,"refused":3\}\n$/,
    })
    t.match(await target.rows("select active from local_users where username = 'dora'"), [{ active: 0 }])
  })

  t.test('accounts that are there are refused, passed over or updated, as told', async t => {
    const target = await make()
    const first = file('first.csv', `user,host\nanna,old\nbert,old\n`)
    const second = file('second.csv', `user,host,destuser\nanna,new,a\ncarl,new,c\ncarl,newer,c\n`)
    homing(target.url, ['proxy-user', 'import', first])
    t.match(homing(target.url, ['proxy-user', 'import', second, '--existing', 'skip']), {
      code: 0,
      out: '1 added, 0 updated, 2 there already, 0 refused\n',
    })
    t.match(homing(target.url, ['proxy-user', 'import', second, '--existing', 'update']), {
      code: 0,
      out: '0 added, 3 updated, 0 there already, 0 refused\n',
    })
    t.strictSame(await target.rows('select username, host, destuser from proxy_users order by username'), [
      { username: 'anna', host: 'new', destuser: 'a' },
      { username: 'bert', host: 'old', destuser: null },
      { username: 'carl', host: 'newer', destuser: 'c' },
    ])
  })

  t.test('a passwd-file of Dovecot becomes accounts, and what has no column is refused', async t => {
    const target = await make()
    const passwd = [
      '# users of the old server',
      `anna:${hash}:5000:5001::/home/anna::`,
      `bert:$6$saltsalt$${'c'.repeat(86)}:5000:5001::/home/bert::userdb_quota_rule=*:storage=1G`,
      '',
      `carl:${hash}`,
    ].join('\n')
    t.match(homing(target.url, ['local-user', 'import', '-', '--format', 'passwd-file'], passwd), {
      code: 65,
      out: 'line 3 (bert): the field userdb_quota_rule has no column\n2 added, 0 updated, 0 there already, 1 refused\n',
    })
    t.match(await target.rows('select username, uid, gid, home from local_users order by username'), [
      { username: 'anna', uid: '5000', gid: '5001', home: '/home/anna' },
      { username: 'carl', uid: null, gid: null, home: null },
    ])
    const proxied = `dora:::::::proxy=y nopassword=y host=10.0.0.1 port=143 ssl=yes destuser=d\n`
    t.match(homing(target.url, ['proxy-user', 'import', '-', '--format', 'passwd-file'], proxied), {
      code: 0,
    })
    t.match(await target.rows('select host, ssl_mode, destuser, password from proxy_users'), [
      { host: '10.0.0.1', ssl_mode: 'ssl', destuser: 'd', password: null },
    ])
  })

  t.test('an import that was killed goes on behind its last stored line', async t => {
    const target = await make()
    const rows = 40_000
    const csv = file('killed.csv', manyUsers(rows))
    const child = spawn(process.execPath, [program, 'proxy-user', 'import', csv], {
      env: { PATH: process.env.PATH, HOMING_DATABASE_URL: target.url },
      stdio: 'ignore',
    })
    const stored = async () => {
      const found = await target.rows('select count(*) as n from proxy_users').catch(() => [])
      return Number(found[0]?.n ?? 0)
    }
    while ((await stored()) < 1000) await sleep(5)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const before = await stored()
    t.ok(before < rows && before % 500 === 0, `${before} were stored`)
    t.match(homing(target.url, ['proxy-user', 'import', csv, '--resume']), {
      code: 0,
      out: `${rows - before} added, 0 updated, 0 there already, 0 refused\n`,
    })
    t.equal(await stored(), rows)
    t.match(
      homing(target.url, ['proxy-user', 'import', csv, '--resume', '--existing', 'skip']),
      { out: `0 added, 0 updated, ${rows} there already, 0 refused\n` },
      'a finished import begins anew',
    )
  })
}

t.test('SQLite', async t => suite(t, sqlite))

t.test('MariaDB', async t => {
  const missing = whyNoMariadb()
  if (missing !== undefined) return t.plan(0, missing)
  const server = await startMariadb()
  t.teardown(() => server.close())
  suite(t, () => mariadb(server))
})

t.test('what cannot be imported is said before anything is changed', async t => {
  const { url } = sqlite()
  t.match(homing(url, ['proxy-user', 'import', join(folder, 'nowhere.csv')]), {
    code: 65,
    err: /nowhere\.csv cannot be read: ENOENT/,
  })
  t.match(homing(url, ['proxy-user', 'import', file('odd', 'x')]), {
    code: 64,
    err: /does not tell its format/,
  })
  t.match(homing(url, ['proxy-user', 'import', file('heading.csv', 'user,hots\nanna,b\n')]), {
    code: 65,
    err: /the heading names "hots", and no account has such a column/,
  })
  t.match(homing(url, ['proxy-user', 'import', file('x.csv', 'user,host\n'), '--existing', 'what']), {
    code: 64,
  })
})
