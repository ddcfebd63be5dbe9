import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createStrengthening, type StrengthenEvent } from '../../../src/auth/strengthen-password.js'
import type { Passdb, PasswordReplacement } from '../../../src/model/passdb.js'
import { Password } from '../../../src/model/password.js'
import type { NewHash } from '../../../src/password/password-verifier.js'

const password = new Password('secret')

/** A passdb and hashes that answer as `world` says, whenever it is changed. */
function strengthening() {
  const world = {
    now: 0,
    made: Promise.resolve<NewHash>({ stored: '{NEW}x' }),
    written: Promise.resolve<PasswordReplacement>({ result: 'replaced' }),
  }
  const writes: string[][] = []
  const events: StrengthenEvent[] = []
  const strengthening = createStrengthening({
    rehash: { isWeaker: stored => stored.startsWith('{WEAK}'), make: () => world.made },
    clock: { now: () => world.now },
    report: event => events.push(event),
  })
  const passdb: Passdb = {
    driver: 'test',
    lookup: async () => ({ result: 'user_unknown' }),
    replacePassword: async (...args) => {
      writes.push(args)
      return world.written
    },
  }
  const matched = (user: string, stored: string, link: { name?: string; passdb?: Passdb } = {}) =>
    strengthening.matched(
      { name: 'local', passdb, defaultPasswordScheme: 'WEAK', ...link },
      user,
      stored,
      password,
    )
  return { ...strengthening, matched, world, writes, events }
}

t.test('a weak hash is replaced as it is stored, also where its scheme is the default one', async t => {
  const { matched, writes, events } = strengthening()
  matched('anna', 'abc')
  matched('bob', '{STRONG}abc')
  await sleep(1)
  t.same(writes, [['anna', 'abc', '{NEW}x']])
  t.same(events, [{ passdb: 'local', user: 'anna', outcome: 'replaced' }])
})

t.test('a passdb that cannot be written is left alone', async t => {
  const { matched, events } = strengthening()
  const passdb: Passdb = { driver: 'static', lookup: async () => ({ result: 'user_unknown' }) }
  matched('anna', 'abc', { passdb })
  await sleep(1)
  t.same(events, [])
})

t.test('nothing waits for it: no more than four are under way, others try at their next login', async t => {
  const { matched, world, writes } = strengthening()
  const hash = later<NewHash>()
  world.made = hash.promise
  for (let user = 0; user < 10; user++) matched(`user${user}`, 'abc')
  hash.resolve({ stored: '{NEW}x' })
  await sleep(1)
  t.same(
    writes.map(([user]) => user),
    ['user0', 'user1', 'user2', 'user3'],
  )
  matched('user9', 'abc')
  await sleep(1)
  t.equal(writes.at(-1)?.[0], 'user9')
})

t.test('a user is tried once in a while, whatever a cache still shows; another at once', async t => {
  const { matched, world, writes } = strengthening()
  for (let login = 0; login < 3; login++) {
    matched('anna', 'abc')
    await sleep(1)
  }
  t.equal(writes.length, 1)
  matched('bob', 'abc')
  matched('anna', 'abc', { name: 'other' })
  await sleep(1)
  t.equal(writes.length, 3)
  world.now += 11 * 60_000
  matched('anna', 'abc')
  await sleep(1)
  t.equal(writes.length, 4)
})

t.test(
  'what was dropped because logins need the threads is tried at the next login, and not reported',
  async t => {
    const { matched, world, writes, events } = strengthening()
    world.made = Promise.resolve({ busy: true })
    matched('anna', 'abc')
    await sleep(1)
    t.same(events, [])
    world.made = Promise.resolve({ stored: '{NEW}x' })
    matched('anna', 'abc')
    await sleep(1)
    t.equal(writes.length, 1)
  },
)

t.test('a write that failed is reported with its cause, and its passdb has a minute of peace', async t => {
  const { matched, world, writes, events } = strengthening()
  const cause = new Error('the database is down')
  world.written = Promise.resolve({ result: 'failed', cause })
  matched('anna', 'abc')
  await sleep(1)
  t.same(events, [{ passdb: 'local', user: 'anna', outcome: 'failed', cause }])
  matched('bob', 'abc')
  matched('anna', 'abc')
  await sleep(1)
  t.equal(writes.length, 1)
  world.now += 61_000
  world.written = Promise.resolve({ result: 'replaced' })
  matched('anna', 'abc')
  await sleep(1)
  t.match(events.at(-1), { user: 'anna', outcome: 'replaced' })
})

t.test('a driver that throws, and a hash that is not made, are reported and nothing more', async t => {
  const { matched, world, events } = strengthening()
  world.made = Promise.resolve({ refused: 'no argon2' })
  matched('anna', 'abc')
  await sleep(1)
  world.made = Promise.reject(new Error('a bug'))
  matched('bob', 'abc')
  await sleep(1)
  t.match(events, [
    { user: 'anna', outcome: 'not_made', reason: 'no argon2' },
    { user: 'bob', outcome: 'failed', cause: { message: 'a bug' } },
  ])
})

t.test('closing waits for what is under way, and no longer than it may', async t => {
  const { matched, close, world, events } = strengthening()
  const written = later<PasswordReplacement>()
  world.written = written.promise
  matched('anna', 'abc')
  const started = performance.now()
  await close(50)
  t.ok(performance.now() - started < 1000, 'given up')
  const closed = close(60_000)
  setTimeout(() => written.resolve({ result: 'replaced' }), 20)
  await closed
  t.match(events, [{ outcome: 'replaced' }], 'awaited')
  matched('bob', 'abc')
  await sleep(1)
  t.equal(events.length, 1, 'nothing new begins')
  await strengthening().close(60_000)
})

function later<T>() {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(done => {
    resolve = done
  })
  return { promise, resolve }
}
