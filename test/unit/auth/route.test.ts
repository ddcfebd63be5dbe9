// Routes are judged when the cache has had its say: the same entry is a route for one proxy and a loop for another.

import t from 'tap'
import type { IncomingRequest } from '../../../src/auth/auth.js'
import { createAuth } from '../../../src/auth/create-auth.js'
import { createChain } from '../../../src/auth/passdb-chain.js'
import { createAuthCache } from '../../../src/cache/auth-cache.js'
import type { PassdbLookup } from '../../../src/model/passdb.js'
import { Password } from '../../../src/model/password.js'
import { createRouter } from '../../../src/routing/create-router.js'
import { settings } from '../cache/cached-engine.js'
import { lastPassdb } from './ordinary-passdb.js'

const clock = { now: () => 0, unixSeconds: () => 1_800_000_000 }

function engine(found: PassdbLookup) {
  let lookups = 0
  const lookup = async () => {
    lookups++
    return found
  }
  const cache = createAuthCache(settings, clock)
  const router = createRouter(
    { auth_proxy_self: ['192.0.2.30'], proxy_hostip: false, proxy_dns_ttl: 1000, proxy_dns_timeout: 50 },
    {
      clock,
      warn: () => {},
      usernameRules: { normalise: user => ({ user }) },
      resolve: async () => Promise.reject(new Error('no DNS here')),
    },
  )
  const auth = createAuth({
    chain: createChain([
      {
        name: 'proxy',
        passdb: { driver: 'test', cacheKey: ['protocol'], lookup },
        ...lastPassdb,
      },
    ]),
    userdbs: [],
    usernameRules: { normalise: user => ({ user }), normaliseStored: user => user },
    masterUserSeparator: '',
    verifier: {
      verify: async (stored, password) => ({
        verdict: stored === `{PLAIN}${password.reveal()}` ? 'match' : 'mismatch',
      }),
      verifyNothing: async () => ({ verdict: 'mismatch' }),
    },
    clock,
    ...(cache && { cache }),
    route: router.route,
    report: () => {},
  })
  const request: IncomingRequest = { user: 'anna@x', protocol: 'imap', secured: 'tls', localPort: 143 }
  return {
    login: (localIp: string, password = 'secret') =>
      auth.authenticate({ ...request, localIp }, new Password(password)),
    lookup: (localIp: string, more: Partial<IncomingRequest> = {}) =>
      auth.lookupPassdb({ ...request, localIp, ...more }),
    lookups: () => lookups,
  }
}

const row = (fields: Record<string, string>, stored?: string): PassdbLookup => ({
  result: 'ok',
  fields: new Map(Object.entries(fields)),
  ...(stored !== undefined && { credentials: { stored } }),
})

t.test('a cached route is a loop for the proxy that it leads to, and for no other one', async t => {
  const { login, lookup, lookups } = engine(
    row({ proxy: 'y', host: '192.0.2.10', port: '143' }, '{PLAIN}secret'),
  )
  for (let times = 0; times < 3; times++) {
    t.match(await login('192.0.2.20'), { result: 'ok' })
    const loop = await login('192.0.2.10')
    t.match(loop, { result: 'internal_failure', reason: undefined })
    t.equal(loop.fields.size, 0)
    t.match(await login('192.0.2.10', 'wrong'), { result: 'password_mismatch' })
    t.match(await lookup('192.0.2.10'), { result: 'internal_failure' }, 'mail would go in circles, too')
    t.match(await lookup('192.0.2.20'), { result: 'ok' })
  }
  t.ok(lookups() < 6, 'and most came from the cache')
})

t.test('proxy_maybe is a mailbox here, for whoever has a password here', async t => {
  const maybe = { proxy_maybe: 'y', host: '192.0.2.30', userdb_uid: '5000' }
  const known = engine(row(maybe, '{PLAIN}secret'))
  t.same([...(await known.login('192.0.2.20')).fields.keys()], ['userdb_uid'])
  t.match(await known.login('192.0.2.20', 'wrong'), { result: 'password_mismatch' })

  const open = engine(row({ ...maybe, nopassword: 'y' }))
  t.match(await open.login('192.0.2.20', 'anything'), { result: 'internal_failure' })
  const delivery = await open.lookup('192.0.2.20')
  t.match(delivery, { result: 'ok' }, 'mail can be delivered without a password')
  t.same([...delivery.fields.keys()], ['userdb_uid'], 'and nobody is told that none is needed')
})

t.test('proxy_maybe without a password lets in nobody whom Dovecot itself would check', async t => {
  for (const [where, host] of Object.entries({ here: '192.0.2.30', 'who knows': '192.0.2.40' })) {
    const { lookup } = engine(row({ proxy_maybe: 'y', host, nopassword: 'y' }))
    // passdb dict asks without a password for every login, SCRAM and its like through every door.
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256']) {
      const answer = await lookup('192.0.2.20', { mechanism })
      t.match(answer, { result: 'internal_failure' }, `${where}, ${mechanism}`)
      t.equal(answer.fields.size, 0)
    }
    const asMaster = await lookup('192.0.2.20', { mechanism: 'PLAIN', masterUser: 'admin' })
    t.match(asMaster, { result: 'ok' }, 'whose password is verified is let in')
    t.notOk(asMaster.fields.has('nopassword'))
  }
})

t.test('whoever has a host and no proxy has their mail elsewhere: no mailbox opens here', async t => {
  const { login, lookup } = engine(
    row({ host: '203.0.113.5', port: '143', userdb_uid: '5000' }, '{PLAIN}secret'),
  )
  for (const answer of [await login('192.0.2.20'), await lookup('192.0.2.20')]) {
    t.match(answer, { result: 'internal_failure' })
    t.equal(answer.fields.size, 0)
  }
  t.match(await login('192.0.2.20', 'wrong'), { result: 'password_mismatch' })
})
