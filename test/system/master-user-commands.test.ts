// homing master-user, and what other commands say of masters: the built program on a database of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import t from 'tap'
import { localPassdb, mastersFirst } from './chain-blocks.js'
import { commandLine } from './command-line.js'

const { folder, program, run } = commandLine(t)
const database = join(folder, 'homing.db')
writeFileSync(
  join(folder, 'homing.toml'),
  `database_url = "sqlite:${database}"
listen = ["unix:${folder}/http.sock"]
auth_master_user_separator = "*"
${mastersFirst}${localPassdb}`,
  { mode: 0o600 },
)

const homing = (input: string, ...args: string[]) => run(args, { input })

for (const major of ['2.3', '2.4']) {
  t.test(`the commands in masters.conf for ${major} let a proxy in at a backend`, async t => {
    const text = readFileSync(
      join(import.meta.dirname, `../../../deploy/dovecot-${major}/masters.conf`),
      'utf8',
    )
    const commands = [...text.matchAll(/`homing ([^`]*)`/g)].map(([, words = '']) => words.split(' '))
    t.equal(commands.length, 2)
    const user = `anna@${major}.example.org`
    t.match(homing('own\n', 'proxy-user', 'add', user, '--host', 'backend.example.org'), { code: 0 })
    for (const words of commands) {
      const own = words.map(word =>
        word.replace('anna@example.org', user).replace(/^proxy@/, `proxy${major}@`),
      )
      t.match(homing('of the proxy\n', ...own), { code: 0 }, own.join(' '))
    }
    t.match(JSON.parse(homing('', 'proxy-user', 'show', user, '--json').out), {
      master: `proxy${major}@internal`,
      pass: 'set',
    })
  })
}

t.test('a master is added, shown, limited, listed and deleted', async t => {
  t.match(homing('s3cret\n', 'master-user', 'add', 'Admin@Example.org', '--domains', 'example.org'), {
    code: 0,
    out: 'added admin@example.org\n',
  })
  t.match(homing('s3cret\n', 'master-user', 'add', 'proxy_master', '--allow-real-nets', '192.0.2.10'), {
    code: 0,
  })
  t.match(homing('', 'master-user', 'set', 'admin@example.org', '--expires', '2099-01-31'), { code: 0 })
  t.same(JSON.parse(homing('', 'master-user', 'show', 'admin@example.org', '--json').out), {
    user: 'admin@example.org',
    password: 'set',
    masteradmin: 1,
    domains: 'example.org',
    protocols: null,
    allow_nets: null,
    allow_real_nets: null,
    expires: '2099-01-31',
  })
  t.match(homing('', 'master-user', 'list'), { out: 'proxy_master\nadmin@example.org\n' })
  t.match(homing('s3cret\n', 'local-user', 'add', 'anna@example.org', '--uid', '1', '--gid', '1'), {
    code: 0,
  })
  t.match(homing('s3cret\n', 'auth', 'test', 'anna@example.org*admin@example.org'), { code: 0 })
  t.match(homing('', 'master-user', 'set', 'admin@example.org', '--active', 'no'), { code: 0 })
  t.match(homing('s3cret\n', 'auth', 'test', 'anna@example.org*admin@example.org'), { code: 77 })
  t.match(homing('', 'master-user', 'set', 'admin@example.org', '--expires', '', '--active', 'yes'), {
    code: 0,
  })
  t.equal(JSON.parse(homing('', 'master-user', 'show', 'admin@example.org', '--json').out).expires, null)
  t.match(homing('', 'master-user', 'delete', 'proxy_master'), { code: 0 })
})

t.test('limits that cannot be read are refused', async t => {
  for (const limit of [
    ['--expires', 'soon'],
    ['--allow-nets', '192.0.2.0/33'],
    ['--protocols', 'imap,143'],
  ]) {
    const { code, err } = homing('', 'master-user', 'set', 'admin@example.org', ...limit)
    t.equal(code, 65, limit.join(' '))
    t.match(err, `homing: ${limit[0]} `)
  }
})

t.test('hashes that are fast to guess are refused for new masters', async t => {
  const clear = (scheme: string) =>
    homing('s3cret\n', 'master-user', 'add', 'weak@example.org', '--scheme', scheme)
  t.match(clear('SSHA512'), { code: 65, out: '' })
  const hash = ['--password-hash', '{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99']
  t.match(homing('', 'master-user', 'add', 'weak@example.org', ...hash), { code: 65 })
  t.match(homing('', 'master-user', 'set', 'admin@example.org', ...hash), { code: 65 })
  writeFileSync(join(folder, 'masters.csv'), 'user,password\nweak@example.org,{PLAIN}x\n')
  t.match(homing('', 'master-user', 'import', 'masters.csv'), { code: 65, out: /too fast to guess/ })
  t.match(homing('x1\n', 'master-user', 'add', 'strong@example.org', '--scheme', 'ARGON2ID'), { code: 0 })
})

t.test('old ones are named by hash-audit, config check and the service at its start', async t => {
  const connection = new Database(database, { timeout: 5000 })
  connection.exec(
    "insert into master_users (user_name, domain_name, password) values ('old', 'x.test', '{PLAIN}hunter2'), ('cut', 'x.test', '{SHA512}nU4e')",
  )
  connection.close()
  t.match(
    homing('', 'hash-audit').out,
    /master users that are too fast to guess.*\n {2}old@x\.test \(master_users\): PLAIN\n/,
  )
  t.match(JSON.parse(homing('', 'hash-audit', '--json').out).weak_masters, [
    { table: 'master_users', user: 'old@x.test', scheme: 'PLAIN' },
  ])
  const { code, err } = homing('', 'config', 'check')
  t.equal(code, 0)
  t.match(err, /warning: .*master_users old@x\.test: PLAIN is too fast to guess/)
  t.notMatch(err, /hunter2/)

  const service = spawn(process.execPath, [program, 'serve'], {
    cwd: folder,
    env: { PATH: process.env.PATH },
  })
  t.teardown(() => service.kill('SIGKILL'))
  let said = ''
  service.stderr.on('data', bytes => {
    said += bytes
  })
  for (let tries = 0; tries < 200 && !said.includes('too fast'); tries++)
    await new Promise(resolve => setTimeout(resolve, 50))
  t.match(said, /warning: master_users "old@x.test": PLAIN is too fast to guess/)
  service.kill('SIGTERM')
  await once(service, 'exit')
})

t.test('the password that a proxy uses at a backend comes by file descriptor', async t => {
  const proxyUser = (...args: string[]) => homing('of the proxy\n', 'proxy-user', ...args)
  t.match(
    proxyUser(
      'add',
      'bert@example.org',
      '--host',
      'b1.example.org',
      '--master',
      'proxy_master',
      '--pass-fd',
      '0',
    ),
    { code: 0 },
  )
  const stored = () => {
    const connection = new Database(database, { timeout: 5000 })
    const row = connection.prepare("select pass from proxy_users where username = 'bert@example.org'").get()
    connection.close()
    return (row as { pass: string | null }).pass
  }
  t.equal(stored(), 'of the proxy')
  t.match(proxyUser('show', 'bert@example.org').out, /pass +set\n/)
  t.match(proxyUser('set', 'bert@example.org', '--no-pass'), { code: 0 })
  t.equal(stored(), null)
})
