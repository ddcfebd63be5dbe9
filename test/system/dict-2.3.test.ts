// What is particular to the dict doors, with a real Dovecot 2.3: masters, mechanisms, odd names, changed passwords and
// long lists.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createAuthority } from './certificates.js'
import type { Door } from './doors.js'
import { mailUser, type RunningDovecot, startDovecot } from './dovecot.js'
import { type FakeBackend, startFakeBackend } from './fake-backend.js'
import { type EmptyDatabase, type RunningHoming, sqliteFile, startHoming } from './homing.js'
import type { ConnectOptions } from './line-client.js'
import { imapAnswer, lmtpDeliver } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'
import { imapAuthenticate } from './sasl-client.js'

const REFUSED = 'NO [AUTHENTICATIONFAILED] Authentication failed.'
const PASSWORD = 'correct horse battery staple'
const MASTER_PASSWORD = 'master-secret'

interface Site {
  readonly dovecot: RunningDovecot
  readonly homing: RunningHoming
  readonly database: EmptyDatabase
  readonly backend: FakeBackend
  readonly imaps: ConnectOptions
}

/** A master passdb of Dovecot's own; every name is let through to Homing, whatever is in it. */
const SITE = `auth_mechanisms = plain login cram-md5
auth_username_chars =
auth_master_user_separator = *
passdb {
  driver = static
  args = password=${MASTER_PASSWORD}
  master = yes
  result_success = continue
}
`

for (const door of ['dict', 'dict-verify'] as const) {
  t.test(`Dovecot 2.3 through the ${door} door`, async t => {
    if (!needs(t, 'dovecot-2.3')) return
    const site = await startSite(t, door)
    await t.test('users arrive where their mail is, and nobody else does', t => logins(t, site))
    await t.test('a password that was wrong is right at once when it has become so', t => changed(t, site))
    await t.test('a master gets into an existing mailbox, wherever it is', t => masters(t, site))
    await t.test('CRAM-MD5 is computed from what is stored', t => cramMd5(t, site))
    await t.test('mail finds the backend of its reader', t => mail(t, site))
    await t.test('a name is data, whatever it looks like', t => names(t, site))
    await t.test('twenty thousand users are listed, each once', t => list(t, site))
    await t.test('a route that leads back to the port that a client came to is stopped', t => loop(t, site))
    await t.test('no password is in a log, also of a login that failed for trouble', t => logs(t, site))
    if (door === 'dict-verify')
      await t.test('a key that does not tell of masters lets none in', t => maimedKey(t, site))
    await t.test('what door-dict-verify.conf says of the log while Homing is down is so', async t => {
      await site.homing.kill()
      t.match(
        await imapAnswer(site.imaps, { user: 'local@dict.test', password: PASSWORD }),
        /^NO \[UNAVAILABLE\]/,
      )
      t.equal((await site.dovecot.log()).includes(PASSWORD), door === 'dict-verify')
    })
  })
}

async function startSite(t: Test, door: Door): Promise<Site> {
  const installation = findDovecot('dovecot-2.3')
  if (!installation) throw new Error('Dovecot 2.3 was there a moment ago')
  const folder = await mkdtemp(join(tmpdir(), 'homing-dict-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const certificate = await authority.issue('server', 'DNS:localhost')
  const backend = await startFakeBackend('starttls', certificate)
  t.teardown(() => backend.stop())
  const database = sqliteFile(join(folder, 'homing.db'))
  const homing = await startHoming({ database, config: 'auth_username_chars = ""' })
  t.teardown(() => homing.close())
  const { caFile } = authority
  const options = { installation, role: 'proxy', door, service: homing, certificate, caFile } as const
  const dovecot = await startDovecot({ ...options, site: SITE })
  t.teardown(() => dovecot.stop())
  const there = { host: 'localhost', port: backend.port, ssl_mode: 'starttls', lmtp_port: 9 } as const
  const cram = (await dovecot.doveadm('pw', '-s', 'CRAM-MD5', '-p', PASSWORD)).stdout.trim()
  const here = (name: string, password = `{PLAIN}${PASSWORD}`) => ({
    ...mailUser,
    username: `${name}@dict.test`,
    password,
    home: join(dovecot.mailFolder, name),
  })
  const back = { host: 'localhost', port: dovecot.ports.imaps, ssl_mode: 'ssl' } as const
  await homing.addAccounts({
    proxyUsers: [
      { ...back, username: 'loop@dict.test', password: `{PLAIN}${PASSWORD}` },
      { ...there, username: 'proxied@dict.test', password: `{PLAIN}${PASSWORD}` },
      { ...there, username: 'decided-there@dict.test' },
    ],
    localUsers: [here('local'), here('changing'), here('cram', cram), here('disabled')],
  })
  await database.execute(`UPDATE local_users SET active = 0 WHERE username = 'disabled@dict.test'`)
  return { dovecot, homing, database, backend, imaps: { port: dovecot.ports.imaps, caFile } }
}

async function loop(t: Test, { dovecot, imaps, homing }: Site): Promise<void> {
  const answer = await imapAnswer(imaps, { user: 'loop@dict.test', password: PASSWORD })
  t.match(answer, /^NO \[UNAVAILABLE\]/)
  await homing.waitForLog('leads back to the proxy', 'loop@dict.test')
  t.notMatch(await dovecot.log(), /proxy\(loop@dict\.test,/, 'nobody went in circles')
}

async function logins(t: Test, { dovecot, imaps }: Site): Promise<void> {
  const login = (name: string, password = PASSWORD) =>
    imapAnswer(imaps, { user: `${name}@dict.test`, password })
  for (const name of ['proxied', 'decided-there', 'local']) t.match(await login(name), /^OK/, name)
  for (const name of ['proxied', 'local']) t.equal(await login(name, 'wrong'), REFUSED, name)
  for (const name of ['disabled', 'nobody']) t.equal(await login(name), REFUSED, name)
  for (const name of ['proxied', 'local', 'disabled', 'nobody']) t.equal(await login(name, ''), REFUSED, name)
  const logged = await dovecot.log()
  t.match(logged, /proxy\(proxied@dict\.test,/, 'the proxied one went on')
  t.match(logged, /imap-login: Info: Login: user=<local@dict\.test>/, 'the local one stayed')
  t.notMatch(logged, /Login: user=<(proxied|decided-there)@dict\.test>/)
}

async function changed(t: Test, { dovecot, database, imaps }: Site): Promise<void> {
  const user = 'changing@dict.test'
  const login = (password: string) => imapAnswer(imaps, { user, password })
  const test = async (password: string) => (await dovecot.doveadm('auth', 'test', user, password)).code
  const change = (password: string) =>
    database.execute(`UPDATE local_users SET password = '{PLAIN}${password}' WHERE username = '${user}'`)
  t.match(await login(PASSWORD), /^OK/)
  t.equal(await login('the next one'), REFUSED)
  t.equal(await test('the next one'), 77, 'also without a session')
  await change('the next one')
  t.match(await login('the next one'), /^OK/)
  t.equal(await test('the next one'), 0)
  t.equal(await login(PASSWORD), REFUSED, 'and the old one no more')
}

async function masters(t: Test, { dovecot, imaps, homing }: Site): Promise<void> {
  const login = (name: string, password = MASTER_PASSWORD) =>
    imapAnswer(imaps, { user: `${name}@dict.test*boss`, password })
  const mark = await dovecot.logMark()
  t.match(await login('local'), /^OK/)
  t.match(await login('proxied'), /^OK|^NO \[AUTHENTICATIONFAILED\]/, 'the backend decides about the master')
  const logged = await dovecot.waitForLog(/proxied@dict\.test/, mark)
  t.notMatch(logged, /Login: user=<proxied@dict\.test>/, 'and no local mailbox is opened')
  t.match(await login('nobody'), /^NO \[AUTHORIZATIONFAILED\]/)
  t.match(await login('disabled'), /^NO \[AUTHORIZATIONFAILED\]/)
  t.equal(await login('local', 'wrong'), REFUSED)
  t.notMatch(await homing.log(), MASTER_PASSWORD)
}

async function cramMd5(t: Test, { imaps }: Site): Promise<void> {
  const login = (name: string, password: string) =>
    imapAuthenticate(imaps, 'CRAM-MD5', { user: `${name}@dict.test`, password })
  t.match(await login('cram', PASSWORD), /^OK/)
  t.equal(await login('cram', 'wrong'), REFUSED)
  t.match(await login('decided-there', ''), /^NO /, 'nobody gets in where there is nothing to compute from')
  t.match(await login('nobody', PASSWORD), /^NO /)
}

async function mail(t: Test, { dovecot }: Site): Promise<void> {
  const deliver = (name: string) =>
    lmtpDeliver(dovecot.ports.lmtp, `${name}@dict.test`, 'Subject: hello\r\n\r\nhello')
  t.match(await deliver('local'), /^250 /)
  t.match(await deliver('nobody'), /^550 /)
  t.match(await deliver('proxied'), /^4\d\d /, 'its backend takes no mail, and it is not delivered here')
}

async function names(t: Test, { dovecot, homing, imaps }: Site): Promise<void> {
  const odd = [
    ...[
      '%u',
      '%{sha512:password}',
      '%w%w',
      '${HOME}',
      '{{x}}',
      'a/b',
      'a/password=b',
      'user=local@dict.test',
    ],
    ...[
      "a'--",
      'a\\',
      'a b',
      'café',
      'local@dict.test/user=x',
      'rip=127.0.0.1/user=local@dict.test',
      '__proto__',
    ],
  ]
  await Promise.all(
    odd.map(async user => {
      const bytes = Buffer.from(user).toString('latin1')
      t.equal(await imapAnswer(imaps, { user: bytes, password: PASSWORD }), REFUSED, user)
      await homing.waitForLog(JSON.stringify(user.toLowerCase()).slice(1, -1))
    }),
  )
  t.equal(await imapAnswer(imaps, { user: 'latin1 caf\xe9', password: PASSWORD }), REFUSED)
  t.notMatch(await dovecot.log(), /Panic|Fatal|killed with signal|Failed to lookup/)
}

async function list(t: Test, { dovecot, homing, database }: Site): Promise<void> {
  await database.execute(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
     INSERT INTO local_users (username, password, home, uid, gid)
     SELECT 'many' || i || '@dict.test', '{PLAIN}x', '/nonexistent', 5000, 5000 FROM n`,
  )
  const ours = await listedByHoming(homing, 'many*')
  t.equal(ours.length, 20_000)
  t.equal(new Set(ours).size, 20_000)
  const { code, stdout } = await listedByDovecot(dovecot, 'many*')
  t.equal(code, 0)
  t.equal(new Set(stdout.trimEnd().split('\n')).size, 20_000)
}

/** The rows that Homing sends, up to the line that ends them. */
function listedByHoming({ socketFolder }: RunningHoming, mask: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(socketFolder, 'dict.sock'))
    let answer = ''
    socket.setEncoding('latin1').on('error', reject)
    socket.on('close', () => reject(new Error(`the list broke off: …${answer.slice(-200)}`)))
    socket.on('data', text => {
      answer += text
      if (!/\n\+1\t\t[\d\t]+\n$/.test(answer.slice(-100))) return
      resolve(answer.split('\n').filter(line => line.startsWith('+1\tOshared/userdb/')))
      socket.destroy()
    })
    socket.write(`H3\t2\t0\t\thoming\nI0\t0\tshared/userdb/\t${mask}\n`)
  })
}

/** auth-worker-client.c, 2.3.19: AUTH_WORKER_LOOKUP_TIMEOUT_SECS, less what a busy machine may have begun late. */
const DOVECOT_GAVE_UP_MS = 55_000

/**
 * Between its own processes 2.3.19 rarely loses the end of a long list on a busy machine: nothing goes on for 60 s, and
 * doveadm then shows what it has and says that this was all. That is not Homing's, which is asked above: once more.
 */
async function listedByDovecot(dovecot: RunningDovecot, mask: string) {
  const startedAt = performance.now()
  const listed = await dovecot.doveadm('user', mask)
  return performance.now() - startedAt < DOVECOT_GAVE_UP_MS ? listed : dovecot.doveadm('user', mask)
}

async function logs(t: Test, { dovecot, homing }: Site): Promise<void> {
  for (const text of [await dovecot.log(), await homing.log()]) t.notMatch(text, PASSWORD)
}

/** An operator has written the key anew, and left out what Homing needs to know a master by. */
async function maimedKey(t: Test, { dovecot, imaps }: Site): Promise<void> {
  const file = join(dirname(dovecot.mailFolderOutside), 'etc/dict-verify.conf.ext')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('/master_user=%{master_user}', ''))
  await dovecot.doveadm('reload')
  const login = (name: string, password: string) => imapAnswer(imaps, { user: `${name}@dict.test`, password })
  const reloaded = await dovecot.logMark()
  // Who comes in the middle of a reload may be hung up on.
  const comesIn = () =>
    login('local', PASSWORD).then(
      answer => answer.startsWith('OK'),
      () => false,
    )
  for (let tries = 0; tries < 50 && !(await comesIn()); tries++) await sleep(100)
  // Of that login itself, which may be written down late.
  await dovecot.waitForLog(/Login: user|Logged in/, reloaded)
  const mark = await dovecot.logMark()
  for (const name of ['local', 'proxied']) {
    const answer = await imapAnswer(imaps, { user: `${name}@dict.test*boss`, password: MASTER_PASSWORD })
    t.match(answer, /^NO \[CONTACTADMIN\]/, name)
  }
  t.notMatch((await dovecot.log()).slice(mark), /Login: user|Logged in/)
  t.equal(await login('local', 'wrong'), REFUSED)
}
