// Routes by name: looked up once, believed for a while, kept while DNS is ill, and never local because of it.

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import { createAddressBook } from '../../../src/routing/address-book.js'
import { createRouter } from '../../../src/routing/create-router.js'

const request: AuthRequest = {
  user: 'anna@x',
  originalUser: 'anna@x',
  protocol: 'imap',
  secured: 'tls',
  localIp: '127.0.0.1',
  localPort: 143,
}

class FakeDns {
  readonly asked: string[] = []
  readonly hosts: Record<string, readonly string[]> = {}
  trouble: string | undefined
  silent = false

  resolve = async (host: string): Promise<readonly string[]> => {
    this.asked.push(host)
    if (this.silent) await new Promise(() => {})
    const code = this.trouble ?? (Object.hasOwn(this.hosts, host) ? undefined : 'ENOTFOUND')
    if (code !== undefined) throw Object.assign(new Error(code), { code })
    return this.hosts[host] ?? []
  }
}

function router(
  settings: { auth_proxy_self?: string[]; proxy_hostip?: boolean },
  dns: FakeDns,
  refreshMs = 1e6,
) {
  const warnings: string[] = []
  const time = { now: 0 }
  const made = createRouter(
    { auth_proxy_self: [], proxy_hostip: false, proxy_dns_ttl: 60_000, proxy_dns_timeout: 50, ...settings },
    {
      clock: { now: () => time.now },
      warn: text => warnings.push(text),
      usernameRules: { normalise: user => ({ user: user.toLowerCase() }) },
      resolve: dns.resolve,
      refreshMs,
    },
  )
  const route = async (fields: Record<string, string>, over: Partial<AuthRequest> = {}) => {
    const judged = await made.route(new Map(Object.entries(fields)), { ...request, ...over })
    return 'stopped' in judged ? judged.stopped : Object.fromEntries(judged.fields)
  }
  return { ...made, route, time, warnings }
}

const there = { proxy: 'y', host: 'backend.test', port: '143' }

t.test('without settings no DNS is asked, and a name is Dovecot’s to resolve', async t => {
  const dns = new FakeDns()
  const { route } = router({}, dns)
  t.same(await route(there), there)
  t.same(await route({ ...there, host: '203.0.113.5' }), { ...there, host: '203.0.113.5' })
  t.match(await route({ ...there, host: 'localhost' }), 'leads back', 'with which 2.3 goes in circles')
  t.same(await route({ userdb_uid: '1' }), { userdb_uid: '1' })
  t.same(dns.asked, [])
})

t.test('hostip is the address of the host, asked for once', async t => {
  const dns = new FakeDns()
  dns.hosts['backend.test'] = ['203.0.113.5', '203.0.113.6']
  const { route, time } = router({ proxy_hostip: true }, dns)
  const routes = await Promise.all(Array.from({ length: 50 }, () => route(there)))
  for (const found of routes) t.same(found, { ...there, hostip: '203.0.113.5' })
  t.same(dns.asked, ['backend.test'])
  t.same(
    await route({ ...there, hostip: '192.0.2.9' }),
    { ...there, hostip: '192.0.2.9' },
    'what the row says wins',
  )

  dns.hosts['backend.test'] = ['203.0.113.9']
  time.now += 61_000
  t.match(await route(there), { hostip: '203.0.113.5' }, 'nobody waits for a new look')
  await sleep(5)
  t.match(await route(there), { hostip: '203.0.113.9' })
})

t.test('while DNS is ill what was known goes on, and what was not is a temporary failure', async t => {
  const dns = new FakeDns()
  dns.hosts['backend.test'] = ['203.0.113.5']
  const { route, time } = router({ proxy_hostip: true }, dns)
  await route(there)
  for (const trouble of ['EAI_AGAIN', 'ETIMEOUT', 'ESERVFAIL']) {
    dns.trouble = trouble
    time.now += 61_000
    t.match(await route(there), { hostip: '203.0.113.5' }, trouble)
    await sleep(2)
  }
  t.match(await route({ ...there, host: 'other.test' }), /other\.test cannot be resolved: ESERVFAIL/)
  t.match(await route({ proxy_maybe: 'y', host: 'maybe.test' }), /cannot be resolved/, 'and never local')
  dns.trouble = undefined
  dns.silent = true
  time.now += 61_000
  t.match(await route(there), { hostip: '203.0.113.5' })
  const started = performance.now()
  t.match(await route({ ...there, host: 'third.test' }), /no answer within 50 ms/)
  t.ok(performance.now() - started < 1000)
})

t.test('an address that DNS has not confirmed for a day is believed no more', async t => {
  const dns = new FakeDns()
  dns.hosts['backend.test'] = ['203.0.113.5']
  const { route, time } = router({ proxy_hostip: true }, dns)
  await route(there)
  dns.trouble = 'EAI_AGAIN'
  for (let hours = 0; hours < 24; hours++) {
    t.match(await route(there), { hostip: '203.0.113.5' }, `after ${hours} hours`)
    time.now += 3_600_000
    await sleep(1)
  }
  time.now += 1000
  t.match(await route(there), /backend\.test cannot be resolved: EAI_AGAIN/)
  dns.trouble = undefined
  dns.hosts['backend.test'] = ['203.0.113.9']
  time.now += 61_000
  t.match(await route(there), { hostip: '203.0.113.9' }, 'and is new when DNS is well')
})

t.test('a name that nobody has any more is not kept, and not asked for again at once', async t => {
  const dns = new FakeDns()
  dns.hosts['backend.test'] = ['203.0.113.5']
  const { route, time } = router({ proxy_hostip: true }, dns)
  await route(there)
  delete dns.hosts['backend.test']
  time.now += 61_000
  await route(there)
  await sleep(2)
  t.match(await route(there), /cannot be resolved: ENOTFOUND/)
  await route(there)
  t.equal(dns.asked.length, 2)
  dns.hosts['backend.test'] = ['203.0.113.7']
  time.now += 6000
  t.match(await route(there), { hostip: '203.0.113.7' }, 'and it is found when it is back')
})

t.test('auth_proxy_self is resolved at the start and refreshed, and hosts with it', async t => {
  const dns = new FakeDns()
  dns.hosts['proxy.test'] = ['198.51.100.1']
  dns.hosts['alias.test'] = ['198.51.100.1']
  dns.hosts['backend.test'] = ['203.0.113.5']
  const { route, start, stop, warnings } = router({ auth_proxy_self: ['Proxy.test', 'gone.test'] }, dns, 10)
  t.teardown(stop)
  await start()
  t.same(warnings.slice(0, 1), ['auth_proxy_self: gone.test cannot be resolved: ENOTFOUND'])
  t.match(await route({ ...there, host: '198.51.100.1' }), 'leads back')
  t.match(await route({ ...there, host: 'proxy.test' }), 'leads back')
  t.match(await route({ ...there, host: 'alias.test' }), 'leads back')
  t.same(await route(there), there, 'no hostip unless it is asked for')
  t.same(await route({ proxy_maybe: 'y', host: 'alias.test', port: '143' }), {}, 'a mailbox here')

  dns.hosts['proxy.test'] = ['198.51.100.2']
  for (
    let tries = 0;
    tries < 100 && typeof (await route({ ...there, host: '198.51.100.2' })) !== 'string';
    tries++
  )
    await sleep(10)
  t.match(await route({ ...there, host: '198.51.100.2' }), 'leads back')
  dns.trouble = 'EAI_AGAIN'
  await sleep(50)
  t.match(await route({ ...there, host: '198.51.100.2' }), 'leads back', 'what was known stays')
})

t.test('a start does not wait for DNS that is silent', async t => {
  const dns = new FakeDns()
  dns.silent = true
  const { start, stop } = router({ auth_proxy_self: ['proxy.test'] }, dns)
  t.teardown(stop)
  const started = performance.now()
  await start()
  t.ok(performance.now() - started < 1000)
})

t.test('the book is bounded, and few questions are under way at once', async t => {
  let running = 0
  let most = 0
  const asked: string[] = []
  const book = createAddressBook({
    ttlMs: 1000,
    timeoutMs: 1000,
    clock: { now: () => 0 },
    resolve: async host => {
      asked.push(host)
      most = Math.max(most, ++running)
      await sleep(1)
      running--
      return ['192.0.2.1']
    },
    limits: { hosts: 10 },
  })
  await Promise.all(Array.from({ length: 30 }, (_, at) => book.find(`host${at}`)))
  t.equal(most, 2)
  await book.find('host29')
  t.equal(asked.length, 30, 'the last are known')
  await book.find('host0')
  t.equal(asked.length, 31, 'the first were forgotten')
})
