// Userdb lookups are cached by the same rules, apart from those of the passdbs; and a change drops all of one user.

import t from 'tap'
import type { ChainedUserdb } from '../../../src/auth/chained-userdb.js'
import { walkUserdbs } from '../../../src/auth/lookup-user.js'
import { createAuthCache } from '../../../src/cache/auth-cache.js'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import type { CacheKeyPart, Passdb } from '../../../src/model/passdb.js'
import type { UserdbLookup } from '../../../src/model/userdb.js'
import { settings } from './cached-engine.js'

const found: UserdbLookup = { result: 'ok', fields: new Map([['uid', '5000']]) }
const down: UserdbLookup = { result: 'internal_failure', cause: new Error('connection refused') }

function site(cacheKey: readonly CacheKeyPart[] | undefined = []) {
  let now = 1000
  const database = { answer: found as UserdbLookup, queries: 0 }
  const clock = { now: () => now, unixSeconds: () => 0 }
  const cache = createAuthCache(settings, clock)
  if (!cache) throw new Error('no cache')
  const link: ChainedUserdb = {
    name: 'local',
    userdb: {
      driver: 'fake',
      ...(cacheKey && { cacheKey }),
      lookup: async () => {
        database.queries++
        return database.answer
      },
    },
    skip: 'never',
    resultSuccess: 'return-ok',
    resultFailure: 'continue',
    resultInternalfail: 'return-fail',
    defaultFields: [],
    overrideFields: [],
  }
  const requestOf = (user: string, more: Partial<AuthRequest>): AuthRequest => ({
    user,
    originalUser: user,
    protocol: 'imap',
    secured: 'tls',
    ...more,
  })
  return {
    cache,
    database,
    wait: (ms: number) => {
      now += ms
    },
    requestOf,
    /** The result, the cache's part in it, and how many queries there have been. */
    ask: async (user = 'anna', more: Partial<AuthRequest> = {}) => {
      const walk = await walkUserdbs([link], requestOf(user, more), async () => 'ok', clock, cache)
      return `${walk.result} ${walk.fields.get('uid') ?? '-'} ${walk.trace[0]?.cache} ${database.queries}`
    },
  }
}

t.test('who was found is known until the entry expires', async t => {
  const { ask, wait } = site()
  t.equal(await ask(), 'ok 5000 miss 1')
  t.equal(await ask('anna', { protocol: 'lmtp' }), 'ok 5000 hit 1', 'over every protocol')
  wait(settings.auth_cache_ttl + 1)
  t.equal(await ask(), 'ok 5000 expired 2')
})

t.test('who is unknown is unknown for the negative ttl, and is another one than everybody else', async t => {
  const { ask, wait, database } = site()
  database.answer = { result: 'user_unknown' }
  t.equal(await ask(), 'user_unknown - miss 1')
  database.answer = found
  t.equal(await ask(), 'user_unknown - hit 1')
  t.equal(await ask('ben'), 'ok 5000 miss 2')
  wait(settings.auth_cache_negative_ttl + 1)
  t.equal(await ask(), 'ok 5000 expired 3')
})

t.test('while the database is down expired entries find users and deny nobody', async t => {
  const { ask, wait, database } = site()
  await ask('anna')
  database.answer = { result: 'user_unknown' }
  await ask('ben')
  wait(settings.auth_cache_ttl + 1)
  database.answer = down
  t.match(await ask('anna'), /^ok 5000 stale/)
  t.match(await ask('ben'), /^internal_failure - stale/)
  t.match(await ask('carl'), /^internal_failure - miss/)
})

t.test('a row that makes no sense is not kept', async t => {
  const { ask, database } = site()
  database.answer = { result: 'internal_failure', reason: 'several rows' }
  t.equal(await ask(), 'internal_failure - miss 1')
  database.answer = found
  t.equal(await ask(), 'ok 5000 miss 2')
})

t.test('a userdb that does not say what its answer depends on is never cached', async t => {
  const { ask } = site(null as never)
  t.equal(await ask(), 'ok 5000 none 1')
  t.equal(await ask(), 'ok 5000 none 2')
})

t.test(
  'a change drops everything of its user, from passdbs and userdbs, as whomever, and nothing else',
  async t => {
    const { ask, cache, requestOf } = site()
    let answers = 0
    let gate: Promise<void> | undefined
    const passdb: Passdb = {
      driver: 'fake',
      cacheKey: ['protocol'],
      lookup: async () => {
        answers++
        await gate
        return { result: 'ok', credentials: { stored: `{PLAIN}${answers}` }, fields: new Map() }
      },
    }
    const look = async (user: string, more: Partial<AuthRequest> = {}, name = 'local') => {
      const looked = await cache.lookup({ name, passdb, request: requestOf(user, more), asked: 'lookup' })
      return looked.cache
    }
    const everything = async (user: string) => [
      await look(user),
      await look(user, { protocol: 'lmtp' }),
      await look(user, { masterUser: 'admin' }),
      await look(user, {}, 'other'),
      (await ask(user)).split(' ')[2],
    ]
    const [misses, hits] = [new Array(5).fill('miss'), new Array(5).fill('hit')]
    for (const user of ['anna', 'an', 'anna*']) t.same(await everything(user), misses)
    t.equal(cache.forgetUsers(['anna', 'nobody']), 5)
    t.same(await everything('an'), hits)
    t.same(await everything('anna*'), hits)
    t.same(await everything('anna'), misses)
    t.equal(cache.forgetUsers(['anna*']), 5, 'a name is no mask')
    t.same(await everything('anna'), hits)
    t.equal(cache.forgetUsers([]), 0)

    let open = () => {}
    gate = new Promise(resolve => {
      open = resolve
    })
    const before = look('dora')
    cache.forgetUsers(['dora'])
    open()
    t.equal(await before, 'miss')
    t.equal(await look('dora'), 'miss', 'what was asked before the change is not kept')
    t.equal(await look('dora'), 'hit')
  },
)
