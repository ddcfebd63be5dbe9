// Dovecot's rules for what the cache answers, and where we are stricter: who gets in, and when the database is asked.

import t from 'tap'
import { cachedEngine, FakeDatabase, type Link, settings } from './cached-engine.js'

const TTL = settings.auth_cache_ttl
const NEGATIVE_TTL = settings.auth_cache_negative_ttl
const ROW = { result: 'internal_failure', reason: 'column port of "anna" is no port' } as const

function site(link: Partial<Link> = {}, changed = {}) {
  const database = new FakeDatabase()
  database.set('anna', 'right')
  return { database, ...cachedEngine({ local: { database, ...link } }, changed) }
}

t.test('the sequence that was measured on 2.3.19 and 2.4.1', async t => {
  const { login } = site()
  t.equal(await login('anna', 'right'), 'ok miss 1')
  t.equal(await login('anna', 'right'), 'ok hit 0')
  t.equal(await login('anna', 'wrong'), 'password_mismatch expired 1')
  t.equal(await login('anna', 'wrong'), 'password_mismatch hit 0')
  t.equal(await login('anna', 'right'), 'ok hit 0')
  t.equal(await login('anna', 'wrong'), 'password_mismatch expired 1')
})

t.test('a hit does not make an entry live longer', async t => {
  const { login, wait } = site()
  await login('anna', 'right')
  wait(TTL)
  t.equal(await login('anna', 'right'), 'ok hit 0')
  wait(1)
  t.equal(await login('anna', 'right'), 'ok expired 1')
  wait(TTL)
  t.equal(await login('anna', 'right'), 'ok hit 0')
})

t.test('an unknown name is remembered for the negative TTL', async t => {
  const { login, wait, database } = site()
  t.equal(await login('bob', 'x'), 'user_unknown miss 1')
  t.equal(await login('bob', 'x'), 'user_unknown hit 0')
  database.set('bob', 'x')
  wait(NEGATIVE_TTL)
  t.equal(await login('bob', 'x'), 'user_unknown hit 0')
  wait(1)
  t.equal(await login('bob', 'x'), 'ok expired 1')
})

t.test('a wrong password is asked again after the negative TTL', async t => {
  const { login, wait } = site()
  await login('anna', 'wrong')
  wait(NEGATIVE_TTL)
  t.equal(await login('anna', 'wrong'), 'password_mismatch hit 0')
  wait(1)
  t.equal(await login('anna', 'wrong'), 'password_mismatch expired 1')
  t.equal(await login('anna', 'wrong'), 'password_mismatch hit 0')
})

t.test('a changed password works at once, and from then on the old one does not', async t => {
  const { login, database } = site()
  await login('anna', 'right')
  database.set('anna', 'new')
  t.equal(await login('anna', 'right'), 'ok hit 0', 'Dovecot’s “old cached password”')
  t.equal(await login('anna', 'new'), 'ok expired 1')
  t.equal(await login('anna', 'right'), 'password_mismatch expired 1')
  t.equal(await login('anna', 'new'), 'ok hit 0')
})

t.test('a password that was tried before it was set works after the negative TTL, as in Dovecot', async t => {
  const { login, wait, database } = site()
  await login('anna', 'new')
  database.set('anna', 'new')
  t.equal(await login('anna', 'new'), 'password_mismatch hit 0', 'Dovecot’s “early change”')
  wait(NEGATIVE_TTL + 1)
  t.equal(await login('anna', 'new'), 'ok expired 1')
})

t.test(
  'a disabled, an expired and a broken account are never cached, and what was cached of them is gone',
  async t => {
    for (const answer of [
      { result: 'user_disabled' },
      { result: 'pass_expired' },
      { result: 'scheme_not_available' },
      ROW,
    ] as const) {
      const { login, wait, database } = site()
      await login('anna', 'right')
      wait(TTL + 1)
      database.users.set('anna', answer)
      t.equal(await login('anna', 'right'), `${answer.result} expired 1`)
      t.equal(await login('anna', 'right'), `${answer.result} miss 1`)
      database.isDown = true
      t.equal(await login('anna', 'right'), 'internal_failure miss 1')
    }
  },
)

t.test(
  'fields that decide are looked at for every request: allow_nets, fail, nologin for one protocol',
  async t => {
    const { login, database } = site()
    database.set('anna', 'right', { allow_nets: '192.0.2.0/24' })
    t.equal(await login('anna', 'right', { remoteIp: '192.0.2.1' }), 'ok miss 1')
    t.equal(await login('anna', 'right', { remoteIp: '198.51.100.1' }), 'user_unknown hit 0')
    t.equal(await login('anna', 'right', { remoteIp: '192.0.2.9' }), 'ok hit 0')
  },
)

t.test(
  'protocols have their own entries where the answer depends on them, and one where it does not',
  async t => {
    const own = site({ cacheKey: ['protocol'] })
    await own.login('anna', 'right', { protocol: 'imap' })
    t.equal(await own.login('anna', 'right', { protocol: 'pop3' }), 'ok miss 1')
    const shared = site()
    await shared.login('anna', 'right', { protocol: 'imap' })
    t.equal(await shared.login('anna', 'right', { protocol: 'pop3' }), 'ok hit 0')
  },
)

t.test('two users with one password are two', async t => {
  const { login, database } = site()
  database.set('bob', 'right', { mark: 'bob' })
  await login('anna', 'right')
  t.equal(await login('bob', 'right'), 'ok miss 1')
})

t.test('a master’s own login and his logins as others have different entries', async t => {
  const masters = new FakeDatabase()
  const users = new FakeDatabase()
  masters.set('admin', 'm')
  users.set('admin', 'own')
  users.set('anna', 'a')
  const { login, auth } = cachedEngine({
    masters: { database: masters, master: true, resultSuccess: 'continue' },
    users: { database: users },
  })
  t.equal(await login('anna*admin', 'm'), 'ok miss miss 2')
  t.equal(await login('anna*admin', 'm'), 'ok hit hit 0')
  t.equal(await login('admin', 'm'), 'password_mismatch miss 1')
  t.equal(await login('admin', 'own'), 'ok hit 0')
  t.equal(await login('anna', 'm'), 'password_mismatch miss 1')
  t.equal(await login('anna*admin', 'own'), 'password_mismatch expired 1')
  t.ok(auth)
})

t.test('a passdb that says nothing of its key, and a deny passdb, are never cached', async t => {
  const database = new FakeDatabase()
  database.set('anna', 'right')
  const deny = new FakeDatabase()
  const { login } = cachedEngine({ deny: { database: deny, deny: true }, local: { database } })
  await login('anna', 'right')
  t.equal(await login('anna', 'right'), 'ok none hit 1')
  deny.set('anna', '')
  t.equal(await login('anna', 'right'), 'user_disabled none 1')
})

t.test('neither an empty stored password nor a missing one lets anybody in', async t => {
  const { login, database } = site()
  for (const answer of [
    { result: 'ok', fields: new Map() },
    { result: 'ok', credentials: { stored: '' }, fields: new Map() },
  ] as const) {
    database.users.set('bob', answer)
    t.match(await login('bob', ''), /^password_mismatch/)
    t.match(await login('bob', 'anything'), /^password_mismatch/)
  }
})

t.test('the same password again needs no slow comparison, another one does', async t => {
  const { login, compared } = site()
  await login('anna', 'right')
  t.equal(compared(), 1)
  for (let i = 0; i < 5; i++) await login('anna', 'right')
  t.equal(compared(), 1)
  await login('anna', 'wrong')
  t.equal(compared(), 2, 'the database has the same, so once is enough')
  await login('anna', 'wrong')
  t.equal(compared(), 3)
  await login('anna', 'right')
  t.equal(compared(), 4, 'the entry is a new one, and nothing was right with it yet')
  await login('anna', 'right')
  t.equal(compared(), 4)
})

t.test('auth_cache_fast_verify = false compares every time', async t => {
  const { login, compared } = site({}, { auth_cache_fast_verify: false })
  for (let i = 0; i < 3; i++) await login('anna', 'right')
  t.equal(compared(), 3)
})

t.test('a lookup and a login share an entry, and a wrong password after a lookup is asked again', async t => {
  const { login, lookup } = site()
  t.equal(await lookup('anna'), 'ok miss 1')
  t.equal(await login('anna', 'wrong'), 'password_mismatch expired 1')
  t.equal(await lookup('anna'), 'ok hit 0')
})

t.test('a storm of one user is one query', async t => {
  const { login, database } = site()
  let open = () => {}
  database.gate = new Promise(resolve => {
    open = resolve
  })
  const storm = Promise.all(Array.from({ length: 200 }, (_, i) => login('anna', i % 2 ? 'right' : 'wrong')))
  open()
  await storm
  t.ok(database.queries <= 2, `${database.queries} queries`)
})

t.test('what was asked before a flush is not kept, and nobody who asks after it gets it', async t => {
  const { login, database, cache } = site()
  let open = () => {}
  database.gate = new Promise(resolve => {
    open = resolve
  })
  const early = login('anna', 'right')
  await new Promise(setImmediate)
  database.set('anna', 'new')
  cache?.flush(['anna'])
  const late = login('anna', 'new')
  open()
  t.match(await early, /^ok/)
  t.match(await late, /^ok/)
  t.equal(await login('anna', 'right'), 'password_mismatch expired 1')
})

t.test('a new password is right although a query is under way that has read the old one', async t => {
  for (const isCached of [false, true]) {
    const { login, database } = site()
    if (isCached) await login('anna', 'right')
    let open = () => {}
    database.gate = new Promise(resolve => {
      open = resolve
    })
    const early = login('anna', isCached ? 'wrong' : 'right')
    await new Promise(setImmediate)
    // By somebody else, who tells us nothing.
    database.set('anna', 'new')
    const late = login('anna', 'new')
    await new Promise(setImmediate)
    open()
    t.match(await early, isCached ? /^password_mismatch/ : /^ok/)
    t.match(await late, /^ok/)
    t.equal(await login('anna', 'new'), 'ok hit 0')
  }
})

t.test('flush forgets users by name and by mask, and counts entries', async t => {
  const { login, cache, database } = site({ cacheKey: ['protocol'] })
  for (const user of ['anna', 'anton', 'bob']) database.set(user, 'right')
  for (const user of ['anna', 'anton', 'bob']) await login(user, 'right')
  await login('anna', 'right', { protocol: 'pop3' })
  await login('ansgar', 'right')
  t.equal(cache?.flush(['nobody']), 0)
  t.equal(cache?.flush(['anna']), 2)
  t.equal(cache?.flush(['an*']), 2)
  t.equal(await login('bob', 'right'), 'ok hit 0')
  t.equal(cache?.flush(), 1)
  t.equal(await login('bob', 'right'), 'ok miss 1')
})

t.test('size or ttl 0 is no cache, negative_ttl 0 remembers no refusal', async t => {
  for (const off of [{ auth_cache_size: 0 }, { auth_cache_ttl: 0 }]) {
    const { login, cache } = site({}, off)
    t.equal(cache, undefined)
    await login('anna', 'right')
    t.equal(await login('anna', 'right'), 'ok none 1')
  }
  const { login, wait } = site({}, { auth_cache_negative_ttl: 0 })
  await login('bob', 'x')
  wait(1)
  t.equal(await login('bob', 'x'), 'user_unknown expired 1')
})

t.test('a driver that throws is internal_failure, and an expired entry does not hide the bug', async t => {
  const { login, database } = site()
  database.lookup = async () => {
    throw new Error('a bug')
  }
  t.equal(await login('anna', 'right'), 'internal_failure none 0')
  t.equal(await login('anna', 'right'), 'internal_failure none 0')
})
