// Master users through a real proxy into a mailbox on a real backend: who gets in, as whom, and what the audit says.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import t, { type Test } from 'tap'
import { createAuthority } from './certificates.js'
import { localUsers, mastersFirst, proxiedUsers } from './chain-blocks.js'
import { mailUser, type RunningDovecot, startDovecot } from './dovecot.js'
import { type LocalUser, type ProxyUser, type RunningHoming, sqliteFile, startHoming } from './homing.js'
import { LineClient } from './line-client.js'
import { imapAnswer, imapAppend, imapLogin, type Login, lmtpDeliver, pop3Answer } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'

type Major = '2.3' | '2.4'

const REFUSED = 'NO [AUTHENTICATIONFAILED] Authentication failed.'
const UNAVAILABLE = /^NO \[UNAVAILABLE\]/
const SECRET = 'of the proxy alone'

interface Site {
  readonly proxy: RunningDovecot
  readonly backend: RunningDovecot
  readonly homing: RunningHoming
  /** Of the proxy's Homing. */
  readonly databaseFile: string
  readonly backendHoming: RunningHoming
  readonly imaps: { readonly port: number; readonly caFile: string }
}

export function testMasters(proxyMajor: Major, backendMajor: Major): void {
  t.test(`master users at Dovecot ${proxyMajor}, before a ${backendMajor} backend`, async t => {
    if (!needs(t, `dovecot-${proxyMajor}`, `dovecot-${backendMajor}`)) return
    const site = await startSite(t, proxyMajor, backendMajor)

    await t.test('a master gets into the mailbox of a proxied user', t => arrives(t, site))
    await t.test('a master whom the backend knows too needs no other one', t => knownThere(t, site))
    await t.test('users get in as before, by the proxy’s master at the backend', t => users(t, site))
    await t.test('a master gets into a mailbox that lies here', t => here(t, site))
    await t.test('everybody else is refused', t => refusals(t, site))
    await t.test('limits hold', t => limits(t, site))
    await t.test('the backend lets its masters in from the proxy alone', t => fromElsewhere(t, site))
    await t.test('every use is asked about and audited', t => audited(t, site))
    await t.test('lookups for LMTP and doveadm know nothing of masters', t => lookups(t, site))
    await t.test('nothing crashed, and no secret is in a log', t => quiet(t, site))
  })
}

async function startSite(t: Test, proxyMajor: Major, backendMajor: Major): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-masters-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const certificate = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1')
  const start = async (major: Major, role: 'proxy' | 'backend', homing: RunningHoming, site = '') => {
    const installation = findDovecot(`dovecot-${major}`)
    if (!installation) throw new Error(`Dovecot ${major} was there a moment ago`)
    const { caFile } = authority
    const options = { installation, role, masters: true, service: homing, certificate, caFile, site }
    const dovecot = await startDovecot(options)
    t.teardown(() => dovecot.stop())
    return dovecot
  }
  const backendHoming = await startHoming({ config: mastersFirst + localUsers })
  t.teardown(() => backendHoming.close())
  const backend = await start(backendMajor, 'backend', backendHoming, 'login_trusted_networks = 127.0.0.1\n')
  const databaseFile = join(folder, 'proxy.db')
  const homing = await startHoming({
    database: sqliteFile(databaseFile),
    config: mastersFirst + proxiedUsers + localUsers,
  })
  t.teardown(() => homing.close())
  const proxy = await start(proxyMajor, 'proxy', homing)

  const master = (user_name: string, more: object = {}) => ({
    user_name,
    domain_name: 'ops.test',
    password: `{PLAIN}${user_name}s password`,
    ...more,
  })
  await backendHoming.addAccounts({
    masterUsers: [
      {
        user_name: 'proxy_master',
        domain_name: '',
        password: `{PLAIN}${SECRET}`,
        allow_real_nets: '127.0.0.1',
      },
      master('known'),
    ],
    localUsers: ['anna', 'bert'].map(name => localUser(backend, `${name}@there.test`)),
  })
  await homing.addAccounts({
    proxyUsers: proxyUsers(backend),
    localUsers: [localUser(proxy, 'here@mail.test'), localUser(proxy, 'both@ops.test')],
    masterUsers: [
      master('admin'),
      master('known'),
      master('both', { password: '{PLAIN}as a master' }),
      master('former', { masteradmin: 0 }),
      master('narrow', { domains: 'other.test', protocols: 'imap' }),
      master('reader', { protocols: 'pop3' }),
      master('indoor', { allow_nets: '192.0.2.0/24' }),
      master('expired', { expires: '2020-01-31' }),
      master('broken', { expires: 'soon' }),
    ],
  })
  const imaps = { port: proxy.ports.imaps, caFile: authority.caFile }
  return { proxy, backend, homing, backendHoming, databaseFile, imaps }
}

function proxyUsers(backend: RunningDovecot): ProxyUser[] {
  const there = {
    host: 'localhost',
    port: backend.ports.imap,
    pop3_port: backend.ports.pop3,
    lmtp_port: backend.ports.lmtp,
    ssl_mode: 'starttls',
  } as const
  const byProxy = { ...there, master: 'proxy_master', pass: SECRET, password: '{PLAIN}own password' }
  return [
    { ...byProxy, username: 'anna@mail.test', destuser: 'anna@there.test' },
    { ...byProxy, username: 'gone@mail.test', destuser: 'anna@there.test', active: 0 },
    { ...there, username: 'bert@mail.test', destuser: 'bert@there.test', password: '{PLAIN}own password' },
  ]
}

function localUser(dovecot: RunningDovecot, username: string): LocalUser {
  const home = join(dovecot.mailFolder, username)
  return { username, password: `{PLAIN}${username}s password`, home, ...mailUser }
}

async function messagesOf(server: RunningDovecot, user: string): Promise<string> {
  const messages: string[] = []
  for (const folder of ['new', 'cur']) {
    const path = join(server.mailFolderOutside, user, 'Maildir', folder)
    for (const name of await readdir(path).catch(() => [])) {
      messages.push(await readFile(join(path, name), 'utf8'))
    }
  }
  return messages.join('\n')
}

async function leaveNote(t: Test, login: Login, note: string): Promise<void> {
  t.match(login.answer, /^OK/)
  t.match(await imapAppend(login, `Subject: ${note}\r\n\r\n`), /^OK/)
  login.client.close()
}

/** SASL PLAIN with an authorisation name. */
async function authenticate(site: Site, as: string, who: string, password: string): Promise<Login> {
  const client = await LineClient.connect(site.imaps)
  await client.readUntil(/^\* OK/)
  client.write(
    `a1 AUTHENTICATE PLAIN ${Buffer.from(`${as}\0${who}\0${password}`, 'latin1').toString('base64')}`,
  )
  return { answer: ((await client.readUntil(/^a1 /)).at(-1) ?? '').slice(3), client }
}

const login = ({ imaps }: Site, user: string, password: string) => imapAnswer(imaps, { user, password })

async function arrives(t: Test, site: Site): Promise<void> {
  const { backend } = site
  const mark = await backend.logMark()
  const byName = { user: 'Anna@mail.test*Admin@ops.test', password: 'admins password' }
  await leaveNote(t, await imapLogin(site.imaps, byName), 'by separator')
  await leaveNote(
    t,
    await authenticate(site, 'anna@mail.test', 'admin@ops.test', 'admins password'),
    'by authorisation name',
  )
  const messages = await messagesOf(backend, 'anna@there.test')
  t.match(messages, 'by separator')
  t.match(messages, 'by authorisation name')
  const log = await backend.waitForLog(/user=<anna@there.test>/, mark)
  t.match(log, /Master user logging in as anna@there.test/)
  t.match(log, /user=<anna@there.test>.*rip=127.0.0.2/, 'the backend knows where the master sits')
  t.match(
    await pop3Answer(
      { ...site.imaps, port: site.proxy.ports.pop3s },
      { user: 'anna@mail.test*admin@ops.test', password: 'admins password' },
    ),
    /^\+OK/,
  )
}

async function knownThere(t: Test, site: Site): Promise<void> {
  const byName = { user: 'bert@mail.test*known@ops.test', password: 'knowns password' }
  await leaveNote(t, await imapLogin(site.imaps, byName), 'by a master of both')
  t.match(await messagesOf(site.backend, 'bert@there.test'), 'by a master of both')
  t.match(
    await login(site, 'bert@mail.test*admin@ops.test', 'admins password'),
    REFUSED,
    'whom the backend does not know gets nowhere there',
  )
}

async function users(t: Test, site: Site): Promise<void> {
  const own = { user: 'anna@mail.test', password: 'own password' }
  await leaveNote(t, await imapLogin(site.imaps, own), 'by herself')
  t.match(await messagesOf(site.backend, 'anna@there.test'), 'by herself')
  t.notMatch(await site.backendHoming.log(), 'own password')
}

async function here(t: Test, site: Site): Promise<void> {
  const byName = { user: 'here@mail.test*admin@ops.test', password: 'admins password' }
  await leaveNote(t, await imapLogin(site.imaps, byName), 'at home')
  t.match(await messagesOf(site.proxy, 'here@mail.test'), 'at home')
}

async function refusals(t: Test, site: Site): Promise<void> {
  const cases: readonly [user: string, password: string][] = [
    ['anna@mail.test*admin@ops.test', 'wrong'],
    ['anna@mail.test*admin@ops.test', 'own password'],
    ['anna@mail.test*admin@ops.test', ''],
    ['nobody@mail.test*admin@ops.test', 'admins password'],
    ['gone@mail.test*admin@ops.test', 'admins password'],
    ['anna@mail.test*former@ops.test', 'formers password'],
    ['anna@mail.test*nobody@ops.test', 'admins password'],
    ['anna@mail.test*anna@mail.test', 'admins password'],
    ['here@mail.test*anna@mail.test', 'own password'],
    ['admin@ops.test', 'admins password'],
    ['admin@ops.test*admin@ops.test', 'admins password'],
    ['both@ops.test', 'as a master'],
    ['anna@mail.test*both@ops.test', 'both@ops.tests password'],
    ['anna@mail.test*admin@ops.test*admin@ops.test', 'admins password'],
    ['*admin@ops.test', 'admins password'],
    ['anna@mail.test*', 'admins password'],
  ]
  const answers = await Promise.all(cases.map(([user, password]) => login(site, user, password)))
  for (const [at, [user]] of cases.entries()) t.match(answers[at], /^NO \[AUTH/, user)
  t.match((await authenticate(site, 'anna@mail.test', 'admin@ops.test', 'wrong')).answer, REFUSED)
  t.match((await authenticate(site, 'admin@ops.test', 'admin@ops.test', 'admins password')).answer, REFUSED)
  t.match(await login(site, 'both@ops.test', 'both@ops.tests password'), /^OK/, 'who is a user too')
  t.match(await login(site, 'anna@mail.test*both@ops.test', 'as a master'), /^OK/, 'and a master')
}

async function limits(t: Test, site: Site): Promise<void> {
  const into = (master: string) => login(site, `anna@mail.test*${master}@ops.test`, `${master}s password`)
  await Promise.all(
    ['narrow', 'reader', 'indoor', 'expired'].map(async name => t.match(await into(name), REFUSED, name)),
  )
  t.match(await into('broken'), UNAVAILABLE, 'a limit that cannot be read is trouble')
  const byPop3 = { user: 'anna@mail.test*reader@ops.test', password: 'readers password' }
  t.match(await pop3Answer({ ...site.imaps, port: site.proxy.ports.pop3s }, byPop3), /^\+OK/)
  await t.resolves(site.homing.waitForLog('"master login: internal_failure"', 'broken@ops.test'))
}

async function fromElsewhere(t: Test, { backend, imaps }: Site): Promise<void> {
  const there = { caFile: imaps.caFile, port: backend.ports.imaps }
  const credentials = { user: 'anna@there.test*proxy_master', password: SECRET }
  t.match(await imapAnswer({ ...there, from: '127.0.0.9' }, credentials), REFUSED)
  t.match(await imapAnswer({ ...there, from: '127.0.0.1' }, credentials), /^OK/)
}

async function audited(t: Test, site: Site): Promise<void> {
  const credentials = { user: 'anna@mail.test*admin@ops.test', password: 'admins password' }
  const uses = () =>
    auditRows(site.databaseFile).filter(
      row => row.verified_by === 'homing' && row.username === 'anna@mail.test',
    ).length
  const before = uses()
  for (let times = 0; times < 3; times++) t.match(await imapAnswer(site.imaps, credentials), /^OK/)
  for (let tries = 0; tries < 100 && uses() < before + 3; tries++) await sleep(20)
  t.equal(uses(), before + 3, 'Dovecot’s cache has answered none of them')
  await t.resolves(site.homing.waitForLog('"master login: ok"', 'anna@mail.test', '"verified_by":"homing"'))

  await site.homing.stop()
  const rows = auditRows(site.databaseFile)
  const some = (more: object) =>
    rows.filter(row => Object.entries(more).every(([key, value]) => row[key] === value))
  t.match(
    some({ result: 'ok', master_user: 'admin@ops.test', username: 'anna@mail.test', protocol: 'imap' })[0],
    {
      remote_ip: '127.0.0.2',
      mechanism: 'PLAIN',
      session: /./,
    },
  )
  t.ok(some({ result: 'password_mismatch', master_user: 'admin@ops.test' }).length >= 3)
  t.ok(some({ result: 'user_disabled', username: 'gone@mail.test' }).length > 0)
  t.ok(some({ result: 'internal_failure', master_user: 'broken@ops.test' }).length > 0)
  await site.homing.start()
}

function auditRows(file: string): Record<string, unknown>[] {
  const connection = new Database(file, { readonly: true })
  try {
    return connection.prepare('select * from homing_master_uses').all() as Record<string, unknown>[]
  } finally {
    connection.close()
  }
}

async function lookups(t: Test, site: Site): Promise<void> {
  const lookup = (user: string) => site.proxy.doveadm('auth', 'lookup', user)
  t.match(await lookup('anna@mail.test'), { code: 0, stdout: /host +: localhost/ })
  t.match(await lookup('admin@ops.test'), { code: 67 }, 'a master is nobody to whom mail could be sent')
  t.match(await site.proxy.doveadm('user', 'admin@ops.test'), { code: 67 })
  t.match(await lmtpDeliver(site.proxy.ports.lmtp, 'admin@ops.test', 'Subject: x\r\n\r\n'), /^550 /)
  t.match(await lmtpDeliver(site.proxy.ports.lmtp, 'anna@mail.test', 'Subject: by lmtp\r\n\r\n'), /^250 /)
  t.match(await messagesOf(site.backend, 'anna@there.test'), 'by lmtp')
}

async function quiet(t: Test, site: Site): Promise<void> {
  for (const dovecot of [site.proxy, site.backend]) {
    t.notMatch(await dovecot.log(), /Panic|Fatal|killed with signal/)
    t.notMatch(await dovecot.log(), /s password|of the proxy alone/)
  }
  for (const homing of [site.homing, site.backendHoming])
    t.notMatch(await homing.log(), /s password|of the proxy/)
}
