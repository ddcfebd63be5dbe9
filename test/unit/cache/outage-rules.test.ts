// What the cache answers while a database is down or hangs: it lets users in, and says no to nobody.

import t from 'tap'
import { cachedEngine, FakeDatabase, type Link, settings } from './cached-engine.js'

const TTL = settings.auth_cache_ttl
const NEGATIVE_TTL = settings.auth_cache_negative_ttl

function site(link: Partial<Link> = {}, changed = {}) {
  const database = new FakeDatabase()
  database.set('anna', 'right')
  return { database, ...cachedEngine({ local: { database, ...link } }, changed) }
}

t.test('while the database is down users seen before get in, however old their entry', async t => {
  const { login, lookup, wait, database, cache, events } = site()
  await login('anna', 'right')
  database.isDown = true
  t.equal(await login('anna', 'right'), 'ok hit 0')
  wait(100 * TTL)
  t.equal(await login('anna', 'right'), 'ok stale 1')
  t.match(events.at(-1)?.trace, [{ reason: 'Falling back to expired data from cache: connection refused' }])
  t.equal(await lookup('anna'), 'ok stale 0', 'nobody waits for a database that did not answer a moment ago')
  t.equal(cache?.stats().staleServed, 2)
  database.isDown = false
  t.equal(await login('anna', 'right'), 'ok stale 0')
  wait(1000)
  t.equal(await login('anna', 'right'), 'ok expired 1')
})

t.test(
  'while the database hangs one question a second waits for it, the others are answered at once',
  async t => {
    const { login, wait, database } = site()
    database.set('bob', 'right')
    for (const user of ['anna', 'bob']) await login(user, 'right')
    wait(TTL + 1)
    database.isDown = true
    await login('anna', 'right')
    wait(1000)
    let open = () => {}
    database.gate = new Promise(resolve => {
      open = resolve
    })
    const probe = login('anna', 'right')
    await new Promise(setImmediate)
    for (let i = 0; i < 20; i++) t.match(await login('bob', 'right'), /^ok stale/)
    t.equal(database.queries, 4)
    open()
    t.match(await probe, /^ok stale/)
  },
)

t.test(
  'while the database is down nobody hears that their password is wrong or that they are unknown',
  async t => {
    const { login, wait, database, events } = site()
    await login('anna', 'right')
    await login('bob', 'x')
    database.set('anna', 'new')
    database.isDown = true
    t.equal(await login('anna', 'new'), 'internal_failure expired 1')
    for (let i = 0; i < 3; i++) t.equal(await login('anna', 'new'), 'internal_failure expired 0')
    t.equal(await login('carol', 'x'), 'internal_failure miss 1')
    wait(TTL + 1)
    t.equal(await login('anna', 'new'), 'internal_failure stale 1')
    t.equal(await login('bob', 'x'), 'internal_failure stale 0')
    t.match(events.at(-1), { reason: 'Falling back to expired data from cache: connection refused' })
  },
)

t.test('a local user whom the proxy table did not know before gets in while both are down', async t => {
  const proxy = new FakeDatabase()
  const local = new FakeDatabase()
  local.set('anna', 'right')
  const { login, wait } = cachedEngine({
    proxy: { database: proxy, foundIsFinal: true },
    local: { database: local, resultFailure: 'return-fail' },
  })
  await login('anna', 'right')
  proxy.isDown = true
  local.isDown = true
  wait(NEGATIVE_TTL + 1)
  t.equal(await login('anna', 'right'), 'ok stale hit 1')
  wait(TTL)
  t.equal(await login('anna', 'right'), 'ok stale stale 2')
  t.equal(await login('anna', 'wrong'), 'internal_failure stale stale 0')
  t.equal(await login('bob', 'right'), 'internal_failure miss 1')
})

t.test(
  'a wrong password of a proxied user does not go on to the local users because the database is down',
  async t => {
    const proxy = new FakeDatabase()
    const local = new FakeDatabase()
    proxy.set('anna', 'right', { proxy: 'y', host: 'b1' })
    local.set('anna', 'other')
    const { login, wait } = cachedEngine({ proxy: { database: proxy }, local: { database: local } })
    await login('anna', 'right')
    proxy.isDown = true
    wait(TTL + 1)
    t.equal(await login('anna', 'other'), 'internal_failure stale 1')
  },
)

t.test(
  'whoever moved to the proxy table is not called disabled by their old row while that table is down',
  async t => {
    for (const refusal of ['user_disabled', 'pass_expired'] as const) {
      const proxy = new FakeDatabase()
      const local = new FakeDatabase()
      local.set('anna', 'right')
      const { login, lookup, wait } = cachedEngine({ proxy: { database: proxy }, local: { database: local } })
      t.equal(await login('anna', 'right'), 'ok miss miss 2')
      t.equal(await lookup('anna'), 'ok hit hit 0')
      proxy.isDown = true
      local.users.set('anna', { result: refusal })
      wait(TTL + 1)
      t.match(await login('anna', 'right'), /^internal_failure stale/)
      t.match(await lookup('anna'), /^internal_failure stale/)
      proxy.isDown = false
      proxy.set('anna', 'right', { proxy: 'y', host: 'b1' })
      wait(TTL + 1)
      t.match(await login('anna', 'right'), /^ok/)
    }
  },
)
