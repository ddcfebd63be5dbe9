// Mechanisms that never send the password: Dovecot asks Homing for what is stored, and computes itself.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthority } from './certificates.js'
import { mailUser, type RunningDovecot, startDovecot } from './dovecot.js'
import { type EmptyDatabase, type LocalUser, type RunningHoming, sqliteFile, startHoming } from './homing.js'
import type { ConnectOptions } from './line-client.js'
import { imapAnswer } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'
import { imapAuthenticate, type Mechanism } from './sasl-client.js'

const REFUSED = 'NO [AUTHENTICATIONFAILED] Authentication failed.'
const PASSWORD = 'correct horse battery staple'
const CRYPTED = 'SHA512-CRYPT'
const nameFor = (scheme: string, name: string) => `${name}-${scheme.toLowerCase()}@sasl.test`
const mechanisms: readonly Mechanism[] = ['SCRAM-SHA-256', 'CRAM-MD5']

interface Site {
  readonly dovecot: RunningDovecot
  readonly homing: RunningHoming
  readonly database: EmptyDatabase
  readonly imaps: ConnectOptions
}

export function testCredentialsLookup(major: '2.3' | '2.4'): void {
  t.test(`Dovecot ${major} computes itself what Homing has stored`, async t => {
    const part = `dovecot-${major}` as const
    if (!needs(t, part)) return
    const installation = findDovecot(part)
    if (!installation) throw new Error(`${part} was there a moment ago`)
    const site = await startSite(t, installation)
    for (const mechanism of mechanisms) {
      await t.test(`${mechanism}: the right password logs in, another does not`, t =>
        rightAndWrong(t, site, mechanism),
      )
      await t.test(`${mechanism}: no answer opens an account without a hash for it`, t =>
        withoutHash(t, site, mechanism),
      )
      await t.test(`${mechanism}: what Dovecot has kept of it answers no other login`, t =>
        otherMechanism(t, site, mechanism),
      )
    }
    await t.test('a new password is the one that counts once Dovecot has been told to forget the old', t =>
      changedPassword(t, site),
    )
    await t.test('a Homing that is down is a temporary failure', t => down(t, site))
    await t.test('no hash and no password is in any log', t => logs(t, site))
  })
}

async function startSite(t: Test, installation: NonNullable<ReturnType<typeof findDovecot>>): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-sasl-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const certificate = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1')
  const database = sqliteFile(join(folder, 'homing.db'))
  const homing = await startHoming({ database })
  t.teardown(() => homing.close())
  const dovecot = await startDovecot({
    installation,
    role: 'proxy',
    service: homing,
    certificate,
    caFile: authority.caFile,
    site: 'auth_mechanisms = plain login scram-sha-256 cram-md5\n',
  })
  t.teardown(() => dovecot.stop())
  await homing.addAccounts({
    localUsers: await localUsers(dovecot),
    proxyUsers: [{ username: 'elsewhere@sasl.test', host: 'localhost', ssl_mode: 'ssl' }],
  })
  return { dovecot, homing, database, imaps: { port: dovecot.ports.imaps, caFile: authority.caFile } }
}

/** Two for each mechanism, with a hash for it that this very Dovecot made; one who is disabled; one with another hash. */
async function localUsers(dovecot: RunningDovecot): Promise<LocalUser[]> {
  const row = async (name: string, scheme: string, active: 0 | 1 = 1): Promise<LocalUser> => {
    const username = nameFor(scheme, name)
    return {
      username,
      password: await newHash(dovecot, scheme, PASSWORD),
      home: join(dovecot.mailFolder, username),
      active,
      ...mailUser,
    }
  }
  const rows = mechanisms.flatMap(scheme => [
    row('first', scheme),
    row('second', scheme),
    row('disabled', scheme, 0),
  ])
  return Promise.all([...rows, row('crypted', CRYPTED)])
}

async function newHash(dovecot: RunningDovecot, scheme: string, password: string): Promise<string> {
  const { stdout, stderr, code } = await dovecot.doveadm('pw', '-s', scheme, '-p', password)
  if (code !== 0) throw new Error(stderr)
  return stdout.trim()
}

async function rightAndWrong(t: Test, { imaps, dovecot, homing }: Site, mechanism: Mechanism): Promise<void> {
  const user = nameFor(mechanism, 'first')
  const login = (user: string, password: string) => imapAuthenticate(imaps, mechanism, { user, password })
  t.equal(await login(user, 'wrong'), REFUSED, 'before anything is kept')
  for (let times = 0; times < 2; times++) {
    t.match(await login(user, PASSWORD), /^OK .*Logged in/)
    t.equal(await login(user, 'wrong'), REFUSED)
    t.equal(await login(user, ''), REFUSED)
  }
  await t.resolves(dovecot.waitForLog(new RegExp(`(Login|Logged in): user=<${user}>, method=${mechanism}`)))
  await t.resolves(homing.waitForLog(`"user":"${user}"`, `"mechanism":"${mechanism}"`, '"result":"ok"'))

  t.equal(await login('nobody@sasl.test', PASSWORD), REFUSED)
  const disabled = nameFor(mechanism, 'disabled')
  t.equal(await login(disabled, PASSWORD), REFUSED)
  await t.resolves(dovecot.waitForLog(new RegExp(`${disabled}.*user_disabled`)))
}

async function withoutHash(t: Test, { imaps }: Site, mechanism: Mechanism): Promise<void> {
  const crypted = nameFor(CRYPTED, 'crypted')
  // The backend would decide about the first; of the second there is a hash that this mechanism cannot use.
  for (const user of ['elsewhere@sasl.test', crypted]) {
    for (const password of [PASSWORD, ''])
      t.match(await imapAuthenticate(imaps, mechanism, { user, password }), /^NO /, `${user} “${password}”`)
  }
  t.match(await imapAnswer(imaps, { user: crypted, password: PASSWORD }), /^OK/, 'LOGIN can')
}

async function otherMechanism(t: Test, { imaps, dovecot }: Site, mechanism: Mechanism): Promise<void> {
  const user = nameFor(mechanism, 'first')
  t.match(await imapAuthenticate(imaps, mechanism, { user, password: PASSWORD }), /^OK/)
  const { stdout } = await dovecot.doveadm('user', user)
  t.match(stdout, /^uid\t5000$/m)
  for (const password of ['wrong', '']) t.equal(await imapAnswer(imaps, { user, password }), REFUSED)
  t.match(await imapAnswer(imaps, { user, password: PASSWORD }), /^OK/)
  t.equal(await imapAuthenticate(imaps, mechanism, { user, password: 'wrong' }), REFUSED)
}

async function changedPassword(t: Test, { imaps, dovecot, database }: Site): Promise<void> {
  const user = nameFor('SCRAM-SHA-256', 'first')
  const login = (password: string) => imapAuthenticate(imaps, 'SCRAM-SHA-256', { user, password })
  t.match(await login(PASSWORD), /^OK/)
  const stored = await newHash(dovecot, 'SCRAM-SHA-256', 'another one')
  await database.execute(`UPDATE local_users SET password = '${stored}' WHERE username = '${user}'`)
  t.equal((await dovecot.doveadm('auth', 'cache', 'flush', user)).code, 0)
  t.match(await login('another one'), /^OK/)
  t.equal(await login(PASSWORD), REFUSED)
}

async function down(t: Test, { imaps, homing }: Site): Promise<void> {
  await homing.kill()
  for (const mechanism of mechanisms) {
    const user = nameFor(mechanism, 'second')
    const login = (password: string) => imapAuthenticate(imaps, mechanism, { user, password })
    t.match(await login(PASSWORD), /^NO \[UNAVAILABLE\]/, mechanism)
    t.match(await login('wrong'), /^NO \[UNAVAILABLE\]/, mechanism)
  }
  await homing.start()
  for (const mechanism of mechanisms) {
    const user = nameFor(mechanism, 'second')
    const login = (password: string) => imapAuthenticate(imaps, mechanism, { user, password })
    t.match(await login(PASSWORD), /^OK/, `${mechanism}, when it is back`)
    t.equal(await login('wrong'), REFUSED)
  }
}

async function logs(t: Test, { dovecot, homing }: Site): Promise<void> {
  for (const text of [await dovecot.log(), await homing.log()]) {
    t.notMatch(text, PASSWORD)
    t.notMatch(text, /\{(SCRAM-SHA-256|CRAM-MD5)\}/)
  }
}
