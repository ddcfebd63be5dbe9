// Something breaks: nobody hears that their password is wrong, nobody gets into another mailbox, and when it is
// whole again logins work without a restart of anything. Through every door.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createAuthority } from './certificates.js'
import type { Door } from './doors.js'
import { mailUser, type RunningDovecot, startDovecot } from './dovecot.js'
import { startFakeBackend } from './fake-backend.js'
import { type Accounts, type RunningHoming, startHoming } from './homing.js'
import { imapAnswer, lmtpDeliver, pop3Answer } from './mail-clients.js'
import { type MariadbServer, startOwnMariadb } from './mariadb-server.js'
import { findDovecot, needs } from './parts.js'

const TEMPORARY = /^NO \[UNAVAILABLE\] Temporary authentication failure/
const PASSWORD = 'correct horse battery staple'
const DATABASE = 'faults'

/** A Dovecot that asks through one of its doors. */
interface Asking {
  readonly major: '2.3' | '2.4'
  readonly door: Door
}

interface Proxy extends RunningDovecot {
  /** `2.3 dict` */
  readonly name: string
  readonly door: Door
}

interface Site {
  readonly mariadb: MariadbServer
  readonly homing: RunningHoming
  readonly proxies: readonly Proxy[]
  readonly caFile: string
}

interface Fault {
  readonly title: string
  /** Doors through which it takes longer than a test may: Dovecot waits half a minute for a dict that hangs. */
  readonly tooSlowFor?: readonly Door[]
  /** Local users are still found by the userdb, which knows of no proxied ones. */
  readonly userdbWorks?: true
  begin(site: Site): unknown
  end(site: Site): unknown
}

const faults: readonly Fault[] = [
  { title: 'Homing is killed', begin: ({ homing }) => homing.kill(), end: ({ homing }) => homing.start() },
  {
    title: 'Homing hangs',
    tooSlowFor: ['dict', 'dict-verify'],
    begin: ({ homing }) => homing.hang(),
    end: ({ homing }) => homing.resume(),
  },
  {
    title: 'the database is stopped',
    begin: ({ mariadb }) => mariadb.stop(),
    end: ({ mariadb }) => mariadb.start(),
  },
  {
    title: 'the database hangs',
    begin: ({ mariadb }) => mariadb.hang(),
    end: ({ mariadb }) => mariadb.resume(),
  },
  {
    title: 'the database is killed',
    begin: ({ mariadb }) => mariadb.kill(),
    end: ({ mariadb }) => mariadb.start(),
  },
  {
    title: 'the table of proxied users is gone',
    userdbWorks: true,
    begin: ({ mariadb }) => mariadb.execute('RENAME TABLE proxy_users TO lost', DATABASE),
    end: ({ mariadb }) => mariadb.execute('RENAME TABLE lost TO proxy_users', DATABASE),
  },
]

/** Each fault, with one Dovecot for each of these in front of the same Homing. */
export function testFaults(asking: readonly Asking[]): void {
  t.test(`faults, ${asking.map(nameOf).join(', ')}`, async t => {
    if (!needs(t, ...asking.map(({ major }) => `dovecot-${major}` as const), 'mariadb')) return
    const whole = await startSite(t, asking)
    await t.test('all is well', t => everybodyGetsIn(t, whole))
    for (const fault of faults) {
      const proxies = whole.proxies.filter(({ door }) => !fault.tooSlowFor?.includes(door))
      if (proxies.length > 0) await t.test(fault.title, t => testFault(t, { ...whole, proxies }, fault))
    }
    const caching = whole.proxies.filter(({ door }) => doorsThatCache.includes(door))
    if (caching.length === 0) return
    await t.test('whom Dovecot knows gets in although Homing hangs', t =>
      cachedLogins(t, { ...whole, proxies: caching }),
    )
  })
}

/** Through the others Dovecot asks about every login. */
const doorsThatCache: readonly Door[] = ['lua']

const nameOf = ({ major, door }: Asking) => `${major} ${door}`

async function testFault(t: Test, site: Site, fault: Fault): Promise<void> {
  for (const proxy of site.proxies) await proxy.doveadm('auth', 'cache', 'flush')
  const marks = await Promise.all(site.proxies.map(proxy => proxy.logMark()))
  await fault.begin(site)
  await nobodyHearsNo(t, site, fault)
  await fault.end(site)
  for (const [at, proxy] of site.proxies.entries()) {
    const logged = (await proxy.log()).slice(marks[at])
    t.notMatch(logged, /Login: user|Logged in: user/, `${proxy.name}: nobody was let in here`)
  }
  await everybodyGetsIn(t, site)
}

async function startSite(t: Test, asking: readonly Asking[]): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-faults-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const certificate = await authority.issue('server', 'DNS:localhost')
  const backend = await startFakeBackend('starttls', certificate)
  t.teardown(() => backend.stop())
  const mariadb = await startOwnMariadb()
  t.teardown(() => mariadb.close())
  const url = await mariadb.createDatabase(DATABASE)
  const homing = await startHoming({ database: { url, execute: sql => mariadb.execute(sql, DATABASE) } })
  t.teardown(() => homing.close())

  const proxies: Proxy[] = []
  for (const { major, door } of asking) {
    const installation = findDovecot(`dovecot-${major}`)
    if (!installation) throw new Error(`Dovecot ${major} was there a moment ago`)
    const { caFile } = authority
    const options = { installation, role: 'proxy', door, service: homing, certificate, caFile } as const
    const proxy = await startDovecot(options)
    t.teardown(() => proxy.stop())
    proxies.push({ ...proxy, door, name: nameOf({ major, door }) })
  }
  await homing.addAccounts(accountsOf(proxies, backend.port))
  return { mariadb, homing, proxies, caFile: authority.caFile }
}

const proxied = 'proxied@faults.test'
const localAt = ({ name }: Proxy) => `local-${name.replace(' ', '-')}@faults.test`

/** The proxied user is a local one as well, with the same password: the trap to fall into. */
function accountsOf(proxies: readonly Proxy[], port: number): Accounts {
  const password = `{PLAIN}${PASSWORD}`
  return {
    proxyUsers: [{ username: proxied, password, host: 'localhost', port, ssl_mode: 'starttls' }],
    localUsers: [
      { username: proxied, password, home: '/nonexistent', ...mailUser },
      ...proxies.map(proxy => ({
        username: localAt(proxy),
        password,
        home: join(proxy.mailFolder, 'local'),
        ...mailUser,
      })),
    ],
  }
}

async function nobodyHearsNo(t: Test, { proxies, caFile }: Site, { userdbWorks }: Fault): Promise<void> {
  await Promise.all(
    proxies.map(async proxy => {
      const local = localAt(proxy)
      const imaps = { port: proxy.ports.imaps, caFile }
      const pop3s = { port: proxy.ports.pop3s, caFile }
      const [imapProxied, imapLocal, wrong, pop3, delivered, user, test] = await Promise.all([
        imapAnswer(imaps, { user: proxied, password: PASSWORD }),
        imapAnswer(imaps, { user: local, password: PASSWORD }),
        imapAnswer(imaps, { user: proxied, password: 'wrong' }),
        pop3Answer(pop3s, { user: proxied, password: PASSWORD }),
        lmtpDeliver(proxy.ports.lmtp, proxied, 'Subject: hello\r\n\r\n'),
        proxy.doveadm('user', local),
        proxy.doveadm('auth', 'test', proxied, PASSWORD),
      ])
      const here = (text: string) => `${proxy.name}: ${text}`
      t.match(imapProxied, TEMPORARY, here('a proxied user'))
      t.match(imapLocal, TEMPORARY, here('a local user'))
      t.match(wrong, TEMPORARY, here('somebody with a wrong password'))
      t.match(pop3, /^-ERR \[SYS\/TEMP\]/, here('a POP3 user'))
      t.match(delivered, /^4\d\d /, here('mail'))
      t.equal(user.code, userdbWorks ? 0 : 75, here('doveadm user'))
      t.match(
        test,
        proxy.major === '2.3' ? { code: 77, stdout: /code=temp_fail/ } : { code: 75 },
        here('doveadm auth test'),
      )
    }),
  )
}

const SOON_MS = 5000

/** Within a few seconds, and from then on. */
async function everybodyGetsIn(t: Test, { proxies, caFile }: Site): Promise<void> {
  const login = (proxy: Proxy, user: string) =>
    imapAnswer({ port: proxy.ports.imaps, caFile }, { user, password: PASSWORD })
  for (const proxy of proxies) {
    for (const user of [proxied, localAt(proxy)]) {
      const started = performance.now()
      let answer = await login(proxy, user)
      while (TEMPORARY.test(answer) && performance.now() - started < SOON_MS)
        answer = await login(proxy, user)
      t.match(answer, /^OK/, `${proxy.name}: ${user}`)
    }
    const users = Array.from({ length: 10 }, (_, at) => (at % 2 ? proxied : localAt(proxy)))
    await proxy.doveadm('auth', 'cache', 'flush')
    const answers = await Promise.all(users.map(user => login(proxy, user)))
    t.same(
      answers.filter(answer => !answer.startsWith('OK')),
      [],
      `${proxy.name}: and ten at once`,
    )
    t.match(await proxy.doveadm('user', localAt(proxy)), { code: 0 })
  }
}

async function cachedLogins(t: Test, { homing, proxies, caFile }: Site): Promise<void> {
  const login = (proxy: Proxy, password: string) =>
    imapAnswer({ port: proxy.ports.imaps, caFile }, { user: proxied, password })
  for (const proxy of proxies) {
    t.match(await login(proxy, PASSWORD), /^OK/)
    homing.hang()
    // More of them than Dovecot 2.3 has workers, so that all workers wait.
    const waiting = Array.from({ length: 20 }, () => login(proxy, 'wrong'))
    await sleep(300)
    const started = performance.now()
    t.match(await login(proxy, PASSWORD), /^OK/, `${proxy.name}: the right password`)
    t.ok(performance.now() - started < 1000, 'at once')
    homing.resume()
    for (const answer of await Promise.all(waiting)) t.match(answer, /^NO /, `${proxy.name}: a wrong one`)
  }
}
