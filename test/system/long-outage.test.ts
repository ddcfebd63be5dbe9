// Homing is away for a while, with logins all the time: when it is back, so are they, at once and without a restart. The
// HTTP client of Dovecot waits ever longer after refused connections; the doors must not.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startBalancer } from './balancers.js'
import { type CertificateAuthority, createAuthority } from './certificates.js'
import type { Door } from './doors.js'
import { mailUser, type RunningDovecot, startDovecot } from './dovecot.js'
import { type RunningHoming, startHoming } from './homing.js'
import { imapAnswer } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'

const OUTAGE_MS = 15_000
const SOON_MS = 3000
const PASSWORD = 'correct horse battery staple'

interface Asking {
  readonly major: '2.3' | '2.4'
  readonly door: Door
  /** A balancer refuses no connection, whoever is behind it. */
  readonly behindBalancer?: true
}

const asking: readonly Asking[] = [
  { major: '2.3', door: 'lua' },
  { major: '2.3', door: 'dict-verify' },
  { major: '2.3', door: 'oauth2', behindBalancer: true },
  { major: '2.4', door: 'lua' },
  { major: '2.4', door: 'oauth2', behindBalancer: true },
]

interface Site {
  readonly name: string
  readonly dovecot: RunningDovecot
  login(): Promise<string>
}

t.test('a long outage', async t => {
  if (!needs(t, 'dovecot-2.3', 'dovecot-2.4', 'haproxy')) return
  const folder = await mkdtemp(join(tmpdir(), 'homing-outage-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const homing = await startHoming()
  t.teardown(() => homing.close())
  const sites = await startSites(t, homing, authority)
  for (const { name, login } of sites) t.match(await login(), /^OK/, `${name}: before`)

  for (const { dovecot } of sites) await dovecot.doveadm('auth', 'cache', 'flush')
  await homing.kill()
  const until = performance.now() + OUTAGE_MS
  await Promise.all(
    sites.map(async ({ name, login }) => {
      const answers = new Set<string>()
      while (performance.now() < until) {
        answers.add((await login()).slice(0, 16))
        await sleep(200)
      }
      t.same([...answers], ['NO [UNAVAILABLE]'], `${name}: during`)
    }),
  )
  await homing.start()
  await Promise.all(
    sites.map(async ({ name, login }) => {
      const started = performance.now()
      let answer = await login()
      while (!answer.startsWith('OK') && performance.now() - started < 60_000) answer = await login()
      t.match(answer, /^OK/, `${name}: after`)
      t.ok(performance.now() - started < SOON_MS, `${name}: and soon`)
    }),
  )
})

async function startSites(t: Test, homing: RunningHoming, authority: CertificateAuthority): Promise<Site[]> {
  const { caFile } = authority
  const certificate = await authority.issue('server', 'DNS:localhost')
  const port = Number(new URL(homing.url).port)
  const balancer = await startBalancer('haproxy', { copies: [port, port, port] })
  t.teardown(() => balancer.stop())
  const sites: Site[] = []
  for (const { major, door, behindBalancer } of asking) {
    const installation = findDovecot(`dovecot-${major}`)
    if (!installation) throw new Error(`Dovecot ${major} was there a moment ago`)
    const service = behindBalancer ? { ...homing, url: balancer.url } : homing
    const dovecot = await startDovecot({ installation, role: 'proxy', door, service, certificate, caFile })
    t.teardown(() => dovecot.stop())
    const username = `${door}-${major}@outage.test`
    const home = join(dovecot.mailFolder, username)
    await homing.addAccounts({
      localUsers: [{ username, password: `{PLAIN}${PASSWORD}`, home, ...mailUser }],
    })
    const imaps = { port: dovecot.ports.imaps, caFile }
    const login = () => imapAnswer(imaps, { user: username, password: PASSWORD })
    sites.push({ name: `${major} ${door}`, dovecot, login })
  }
  return sites
}
