// A real Dovecot asks Homing's policy, with the file of deploy/.

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Password } from '../../src/model/password.js'
import { policyHash, policyHashMechs } from '../../src/policy/password-hash.js'
import { createAuthority } from './certificates.js'
import { type RunningDovecot, startDovecot } from './dovecot.js'
import { freePorts } from './free-ports.js'
import { type RunningHoming, startHoming } from './homing.js'
import { findDovecot, needs } from './parts.js'

type Major = '2.3' | '2.4'

const KEY = 'policy-key'
const NONCE = 'localized_random_string'
const right = 'right'
/** `doveadm pw -s SSHA256 -p right`, quick to compare. */
const STORED = '{PLAIN}right'

export function testPolicy(major: Major): void {
  t.test(`Dovecot ${major} asks the policy`, async t => {
    if (!needs(t, `dovecot-${major}`)) return
    const site = await startSite(t, major)
    await t.test('logins are asked about and reported', t => reported(t, site))
    await t.test('whoever guesses waits, and is refused in the end; the user at home is not', t =>
      guessing(t, site),
    )
    await t.test('a blocked address is refused with a reason, an allowed one never', t => lists(t, site))
    await t.test('while the policy hangs, is stopped or answers nonsense, logins go on', t =>
      trouble(t, site),
    )
  })
  t.test(`Dovecot ${major} hashes passwords as policyHash does`, t => hashes(t, major))
}

interface Site {
  readonly dovecot: RunningDovecot
  readonly homing: RunningHoming
  readonly policyUrl: string
  logIn(user: string, password: string, from: string): Promise<{ ok: boolean; ms: number; out: string }>
  command(name: string, body: object): Promise<Record<string, unknown>>
}

async function startSite(t: Test, major: Major): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-policy-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const [policyPort = 0] = await freePorts(1)
  const homing = await startHoming({
    config: `auth_allow_weak_schemes = true\npolicy_listen = ["127.0.0.1:${policyPort}"]\npolicy_api_key = "${KEY}"\n`,
  })
  t.teardown(() => homing.close())
  const row = { password: STORED, home: '/home/x', uid: 5000, gid: 5000 }
  await homing.addAccounts({
    localUsers: ['anna', 'bert', 'carl'].map(name => ({ ...row, username: `${name}@example.org` })),
  })
  const policyUrl = `http://127.0.0.1:${policyPort}/`
  const dovecot = await startOne(t, folder, major, homing, policySite(policyUrl))
  return {
    dovecot,
    homing,
    policyUrl,
    logIn: async (user, password, from) => {
      const startedAt = performance.now()
      const { stdout, stderr } = await dovecot.doveadm(
        ...['auth', 'test', '-x', `rip=${from}`, '-x', 'service=imap', `${user}@example.org`, password],
      )
      const out = stdout + stderr
      return { ok: /auth succeeded/.test(out), ms: performance.now() - startedAt, out }
    },
    command: async (name, body) => {
      const answer = await fetch(`${policyUrl}command/${name}`, {
        method: 'POST',
        headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return (await answer.json()) as Record<string, unknown>
    },
  }
}

async function startOne(
  t: Test,
  folder: string,
  major: Major,
  service: { readonly url: string; readonly token?: string },
  site: string,
): Promise<RunningDovecot> {
  const installation = findDovecot(`dovecot-${major}`)
  if (!installation) throw new Error('unreachable')
  const authority = await createAuthority(folder, 'policy')
  const dovecot = await startDovecot({
    installation,
    role: 'proxy',
    service,
    certificate: await authority.issue('server', 'DNS:localhost'),
    caFile: authority.caFile,
    site,
  })
  t.teardown(() => dovecot.stop())
  return dovecot
}

const policySite = (url: string, more = '') =>
  `!include policy.conf\nauth_policy_server_url = ${url}\nauth_policy_server_api_header = ${KEY}\n` +
  `auth_policy_hash_nonce = ${NONCE}\nauth_cache_size = 0\n${more}`

async function reported(t: Test, site: Site): Promise<void> {
  t.ok((await site.logIn('anna', right, '192.0.2.1')).ok)
  t.notOk((await site.logIn('bert', 'wrong', '198.51.100.1')).ok)
  await sleep(300)
  const metrics = await (await fetch(`${site.policyUrl}metrics`)).text()
  t.match(metrics, /homing_policy_reports_total\{success="true"\} 1/)
  t.match(metrics, /homing_policy_reports_total\{success="false"\} 1/)
  t.match(await site.command('getDBStats', { login: 'bert@example.org' }), {
    login: 'bert@example.org',
    stats: { homing: { user_passwords: 1 } },
  })
  t.match(await site.command('getDBStats', { login: 'anna@example.org' }), {
    stats: { homing: { user_passwords: 0 } },
  })
}

async function guessing(t: Test, site: Site): Promise<void> {
  t.ok((await site.logIn('carl', right, '192.0.2.3')).ok, 'carl is known at home')
  for (let n = 0; n < 6; n++) await site.logIn('carl', `guess ${n}`, `203.0.${n}.7`)
  const slow = await site.logIn('carl', 'guess again', '203.0.99.7')
  t.ok(slow.ms > 900, `a guess takes ${Math.round(slow.ms)} ms`)
  for (let n = 0; n < 60; n++) {
    await site.command('allow', { login: 'carl@example.org', remote: `203.1.${n}.7`, pwhash: `${n}` })
  }
  const late = await site.logIn('carl', right, '203.2.0.7')
  t.notOk(late.ok, 'even with the right password, from where nobody knows carl')
  t.match(late.out, /Too many failed logins, try again later/)
  const home = await site.logIn('carl', right, '192.0.2.77')
  t.ok(home.ok && home.ms < 900, 'at home nothing has changed')
  await site.command('reset', { login: 'carl@example.org' })
  t.ok((await site.logIn('carl', right, '203.2.0.7')).ok, 'and after a reset nowhere')
}

async function lists(t: Test, site: Site): Promise<void> {
  const entry = { netmask: '203.0.113.0/24', expire_secs: 60, reason: 'a test' }
  t.same(await site.command('addBLEntry', entry), { status: 'ok' })
  t.match(await site.logIn('anna', right, '203.0.113.9'), { ok: false, out: /Too many failed logins/ })
  await site.command('addWLEntry', { ip: '203.0.113.9', expire_secs: 60, reason: 'a test' })
  t.match(await site.logIn('anna', right, '203.0.113.9'), { ok: true })
  t.match(await site.logIn('anna', right, '203.0.113.10'), { ok: false })
  await site.command('delBLEntry', { netmask: '203.0.113.0/24' })
  t.match(await site.logIn('anna', right, '203.0.113.10'), { ok: true })
}

async function trouble(t: Test, site: Site): Promise<void> {
  const port = Number(new URL(site.policyUrl).port)
  const answers: Record<string, string | undefined> = {
    'never answers': undefined,
    'says nothing': '',
    'speaks no JSON': 'no',
    'says a text': '{"status":"-1"}',
    'says a fraction': '{"status":0.5}',
  }
  // Homing goes on answering the passdb; only the policy's port is somebody else's.
  await site.homing.stop()
  await site.homing.configure('auth_allow_weak_schemes = true')
  await site.homing.start()
  t.match(await site.logIn('anna', right, '192.0.2.1'), { ok: true }, 'refuses connections')
  for (const [what, answer] of Object.entries(answers)) {
    const server = createServer((_request, response) => {
      if (answer !== undefined) response.end(answer)
    }).listen(port, '127.0.0.1')
    const login = await site.logIn('anna', right, '192.0.2.1')
    t.ok(login.ok, `${what}: ${Math.round(login.ms)} ms`)
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}

async function hashes(t: Test, major: Major): Promise<void> {
  if (!needs(t, `dovecot-${major}`)) return
  const folder = await mkdtemp(join(tmpdir(), 'homing-policy-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const heard: { command: string; body: Record<string, unknown> }[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', chunk => {
      text += chunk
    })
    request.on('end', () => {
      heard.push({ command: String(request.url), body: JSON.parse(text) as Record<string, unknown> })
      response.end('{"status":-1,"msg":"no"}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const bits = [0, 1, 8, 12, 13, 16, 31, 100]
  const cases = policyHashMechs.flatMap((mech, i) => {
    // Each start of a Dovecot takes a second: every mechanism with some of the bit counts.
    const some = major === '2.3' ? bits.filter((_, at) => at % 3 === i % 3) : [bits[i % bits.length] ?? 12]
    return some.map(truncateBits => ({ mech, truncateBits, nonce: NONCE }))
  })
  for (const rules of cases) {
    const more = `auth_policy_hash_mech = ${rules.mech}\nauth_policy_hash_truncate = ${rules.truncateBits}\n`
    const dovecot = await startOne(t, folder, major, { url }, policySite(url, more))
    heard.length = 0
    await dovecot.doveadm('auth', 'test', '-x', 'rip=192.0.2.7', 'user@ex.com', 'sécret "\\')
    await dovecot.stop()
    const asked = heard.find(({ command }) => command.includes('command=allow'))
    t.equal(
      asked?.body.pwhash,
      policyHash(rules, 'user@ex.com', new Password(Buffer.from('sécret "\\'))),
      `${rules.mech}, ${rules.truncateBits} bits`,
    )
  }
}
