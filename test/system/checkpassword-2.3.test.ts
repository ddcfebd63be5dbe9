// What is particular to the checkpassword door, with a real Dovecot 2.3: what Dovecot hands over and where, masters, odd
// names and passwords, mail, and the longest that fits.

import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthority } from './certificates.js'
import { mailUser, type RunningDovecot, startDovecot } from './dovecot.js'
import { startFakeBackend } from './fake-backend.js'
import { type RunningHoming, startHoming } from './homing.js'
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
  readonly imaps: ConnectOptions
  /** What Dovecot gave to each program so far: arguments and environment. */
  handedOver(): Promise<string>
}

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

t.test('Dovecot 2.3 through the checkpassword door', async t => {
  if (!needs(t, 'dovecot-2.3')) return
  const site = await startSite(t)
  await t.test('users arrive where their mail is, and nobody else does', t => logins(t, site))
  await t.test('Homing is told what Dovecot knows, and nobody else the password', t => handedOver(t, site))
  await t.test('a master gets into an existing mailbox, wherever it is', t => masters(t, site))
  await t.test('CRAM-MD5 is computed from what is stored', t => cramMd5(t, site))
  await t.test('mail finds the backend of its reader', t => mail(t, site))
  await t.test('a name is data, whatever it looks like', t => names(t, site))
  await t.test('a route that leads back to the port that a client came to is stopped', t => loop(t, site))
  await t.test('no password is in a log', t => logs(t, site))
})

const LONGEST = 'x'.repeat(512 - 'long@check.test'.length - 3)

async function startSite(t: Test): Promise<Site> {
  const installation = findDovecot('dovecot-2.3')
  if (!installation) throw new Error('Dovecot 2.3 was there a moment ago')
  const folder = await mkdtemp(join(tmpdir(), 'homing-check-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const certificate = await authority.issue('server', 'DNS:localhost')
  const backend = await startFakeBackend('starttls', certificate)
  t.teardown(() => backend.stop())
  const homing = await startHoming({ config: 'auth_username_chars = ""' })
  t.teardown(() => homing.close())
  const { caFile } = authority
  const door = 'checkpassword'
  const options = { installation, role: 'proxy', door, service: homing, certificate, caFile } as const
  const dovecot = await startDovecot({ ...options, site: SITE })
  t.teardown(() => dovecot.stop())
  const cram = (await dovecot.doveadm('pw', '-s', 'CRAM-MD5', '-p', PASSWORD)).stdout.trim()
  const here = (name: string, password = `{PLAIN}${PASSWORD}`) => ({
    ...mailUser,
    username: `${name}@check.test`,
    password,
    home: join(dovecot.mailFolder, name),
  })
  const there = { host: 'localhost', port: backend.port, ssl_mode: 'starttls', lmtp_port: 9 } as const
  const back = { host: 'localhost', port: dovecot.ports.imaps, ssl_mode: 'ssl' } as const
  await homing.addAccounts({
    proxyUsers: [
      { ...there, username: 'proxied@check.test', password: `{PLAIN}${PASSWORD}` },
      { ...back, username: 'loop@check.test', password: `{PLAIN}${PASSWORD}` },
    ],
    localUsers: [
      here('local'),
      here('cram', cram),
      here('long', `{PLAIN}${LONGEST}`),
      { ...here('disabled'), active: 0 },
    ],
  })
  const recorded = await recordWhatIsHandedOver(dovecot)
  return {
    dovecot,
    homing,
    imaps: { port: dovecot.ports.imaps, caFile },
    handedOver: () => readFile(recorded, 'utf8'),
  }
}

/** A script in the place of the program, which writes down how it was called and then runs it. */
async function recordWhatIsHandedOver(dovecot: RunningDovecot): Promise<string> {
  const program = join(dirname(dovecot.mailFolderOutside), 'etc/checkpassword')
  const recorded = `${program}.seen`
  await rename(program, `${program}.real`)
  await writeFile(recorded, '')
  await chmod(recorded, 0o666)
  await writeFile(
    program,
    `#!/bin/sh\n(echo "arguments: $*"; env; echo) >>${recorded}\nexec ${program}.real "$@"\n`,
  )
  await chmod(program, 0o755)
  return recorded
}

async function logins(t: Test, { dovecot, imaps }: Site): Promise<void> {
  const login = (name: string, password = PASSWORD) =>
    imapAnswer(imaps, { user: `${name}@check.test`, password })
  for (const name of ['proxied', 'local']) {
    t.match(await login(name), /^OK/, name)
    t.equal(await login(name, 'wrong'), REFUSED, name)
  }
  for (const name of ['disabled', 'nobody']) t.equal(await login(name), REFUSED, name)
  t.match(await login('long', LONGEST), /^OK/, 'the longest that fits into 512 bytes')
  t.equal(await login('long', `${LONGEST}x`), REFUSED)
  const logged = await dovecot.log()
  t.match(logged, /proxy\(proxied@check\.test,/, 'the proxied one went on')
  t.match(logged, /imap-login: Info: Login: user=<local@check\.test>/, 'the local one stayed')
  t.notMatch(logged, /Login: user=<proxied@check\.test>/)
}

async function handedOver(t: Test, { homing, handedOver }: Site): Promise<void> {
  const seen = await handedOver()
  t.match(seen, /^arguments: \S+\/checkpassword-reply$/m)
  for (const name of ['ORIG_UID', 'SERVICE=imap', 'TCPREMOTEIP', 'TCPLOCALIP', 'AUTH_MECH', 'AUTH_SESSION'])
    t.match(seen, new RegExp(`^${name}`, 'm'))
  for (const secret of [PASSWORD, LONGEST]) t.notMatch(seen, secret)
  await homing.waitForLog(
    '"user":"local@check.test"',
    '"mechanism":"PLAIN"',
    '"session":"',
    '"remote_ip":"127.',
  )
}

async function loop(t: Test, { dovecot, imaps, homing }: Site): Promise<void> {
  const answer = await imapAnswer(imaps, { user: 'loop@check.test', password: PASSWORD })
  t.match(answer, /^NO \[UNAVAILABLE\]/)
  await homing.waitForLog('leads back to the proxy', 'loop@check.test')
  t.notMatch(await dovecot.log(), /proxy\(loop@check\.test,/, 'nobody went in circles')
}

async function masters(t: Test, { dovecot, imaps, homing, handedOver }: Site): Promise<void> {
  const login = (name: string, password = MASTER_PASSWORD) =>
    imapAnswer(imaps, { user: `${name}@check.test*boss`, password })
  const mark = await dovecot.logMark()
  t.match(await login('local'), /^OK/)
  await login('proxied')
  const logged = await dovecot.waitForLog(/proxied@check\.test/, mark)
  t.notMatch(logged, /Login: user=<proxied@check\.test>/, 'no local mailbox is opened for a proxied one')
  for (const name of ['nobody', 'disabled']) t.match(await login(name), /^NO \[AUTHORIZATIONFAILED\]/, name)
  t.equal(await login('local', 'wrong'), REFUSED)
  t.match(await handedOver(), /^MASTER_USER=boss$/m)
  t.notMatch(await homing.log(), MASTER_PASSWORD)
}

async function cramMd5(t: Test, { imaps, handedOver }: Site): Promise<void> {
  const login = (name: string, password: string) =>
    imapAuthenticate(imaps, 'CRAM-MD5', { user: `${name}@check.test`, password })
  t.match(await login('cram', PASSWORD), /^OK/)
  t.equal(await login('cram', 'wrong'), REFUSED)
  t.match(await login('nobody', PASSWORD), /^NO /)
  const seen = await handedOver()
  t.match(seen, /^AUTHORIZED=1$/m)
  t.match(seen, /^CREDENTIALS_LOOKUP=1$/m)
  t.match(seen, /^SCHEME=CRAM-MD5$/m)
}

async function mail(t: Test, { dovecot }: Site): Promise<void> {
  const deliver = (name: string) =>
    lmtpDeliver(dovecot.ports.lmtp, `${name}@check.test`, 'Subject: hello\r\n\r\nhello')
  t.match(await deliver('local'), /^250 /)
  t.match(await deliver('nobody'), /^550 /)
  t.match(await deliver('proxied'), /^4\d\d /, 'its backend takes no mail, and it is not delivered here')
}

async function names(t: Test, { dovecot, homing, imaps }: Site): Promise<void> {
  const odd = [
    '%u',
    '%{password}',
    '$(id)',
    '`id`',
    '${HOME}',
    '--exec',
    "a'--",
    'a\\',
    'a b',
    'café',
    '{"user":"local"}',
  ]
  await Promise.all(
    odd.map(async user => {
      const bytes = Buffer.from(user).toString('latin1')
      t.equal(await imapAnswer(imaps, { user: bytes, password: PASSWORD }), REFUSED, user)
      await homing.waitForLog(JSON.stringify(user.toLowerCase()).slice(1, -1))
    }),
  )
  t.notMatch(await dovecot.log(), /Panic|Fatal|killed with signal|exited with status/)
}

async function logs(t: Test, { dovecot, homing }: Site): Promise<void> {
  for (const text of [await dovecot.log(), await homing.log()]) t.notMatch(text, PASSWORD)
}
