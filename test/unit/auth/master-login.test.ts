// Master logins through the whole engine, with an auth cache before the passdbs: who becomes whom, and who never does.

import t from 'tap'
import type { IncomingRequest } from '../../../src/auth/auth.js'
import type { ChainedPassdb } from '../../../src/auth/chained-passdb.js'
import { createAuth } from '../../../src/auth/create-auth.js'
import { createChain } from '../../../src/auth/passdb-chain.js'
import { createAuthCache } from '../../../src/cache/auth-cache.js'
import type { MasterUse } from '../../../src/model/master-use.js'
import type { PassdbLookup } from '../../../src/model/passdb.js'
import { Password } from '../../../src/model/password.js'
import { settings } from '../cache/cached-engine.js'
import { lastPassdb } from './ordinary-passdb.js'

const NOW = 1_800_000_000

const account = (password: string, fields: Record<string, string> = {}): PassdbLookup => ({
  result: 'ok',
  fields: new Map(Object.entries(fields)),
  credentials: { stored: `{PLAIN}${password}` },
})
const unknown: PassdbLookup = { result: 'user_unknown' }
const proxied = { proxy: 'y', host: 'backend1.example.com' }

/** The names of masters and of users overlap: `both` is one of each, with two passwords. */
const masters: Readonly<Record<string, PassdbLookup>> = {
  'admin@x': account('admins'),
  'both@x': account('mastering'),
  'narrow@x': account('narrow', { master_domains: 'x', master_protocols: 'imap' }),
  'broken@x': account('broken', { master_expires: 'soon' }),
  'gone@x': { result: 'user_disabled' },
  'open@x': { result: 'ok', fields: new Map([['nopassword', 'y']]) },
  'alias@x': account('alias', { login_user: 'bert@y', master_domains: 'x' }),
  'down@x': { result: 'internal_failure', reason: 'the database is down' },
}
const users: Readonly<Record<string, PassdbLookup>> = {
  'anna@x': account('annas', proxied),
  'own-pass@x': account('own', { ...proxied, pass: 'backend secret', destuser: 'own' }),
  'by-proxy@x': account('by', { ...proxied, pass: 'secret', master: 'proxy_master' }),
  'bert@y': account('berts'),
  'both@x': account('using'),
  'disabled@x': { result: 'user_disabled' },
  'renamed@x': account('r', { user: 'anna@y' }),
  'trouble@x': { result: 'internal_failure', reason: 'the database is down' },
}

interface Options {
  readonly master?: Partial<ChainedPassdb>
  readonly recorded?: boolean
}

function engine({ master = {}, recorded }: Options = {}) {
  const asked: string[] = []
  const uses: MasterUse[] = []
  let hashes = 0
  const link = (
    name: string,
    accounts: Readonly<Record<string, PassdbLookup>>,
    place: Partial<ChainedPassdb>,
  ): ChainedPassdb => ({
    name,
    passdb: {
      driver: 'test',
      cacheKey: [],
      lookup: async ({ user }) => {
        asked.push(`${name} ${user}`)
        return accounts[user] ?? unknown
      },
    },
    ...lastPassdb,
    ...place,
  })
  const clock = { now: () => 0, unixSeconds: () => NOW }
  const cache = createAuthCache(settings, clock)
  const auth = createAuth({
    chain: createChain([
      link('users', users, {}),
      link('masters', masters, { master: true, resultSuccess: 'continue', ...master }),
    ]),
    userdbs: [],
    usernameRules: {
      normalise: name =>
        name.includes('*')
          ? { refused: 'Username character disallowed' }
          : name === ''
            ? { refused: 'Empty username' }
            : { user: name.toLowerCase() },
      normaliseStored: name => name.toLowerCase(),
    },
    masterUserSeparator: '*',
    verifier: {
      verify: async (stored, password) => {
        hashes++
        return { verdict: stored === `{PLAIN}${password.reveal()}` ? 'match' : 'mismatch' }
      },
      verifyNothing: async () => {
        hashes++
        return { verdict: 'mismatch' }
      },
    },
    clock,
    ...(cache && { cache }),
    masterUsed: use => {
      uses.push(use)
      return recorded === undefined ? undefined : Promise.resolve(recorded)
    },
    report: () => {},
  })
  const login = async (user: string, password: string, over: Partial<IncomingRequest> = {}) => {
    hashes = 0
    const request = { user, protocol: 'imap', secured: 'tls', mechanism: 'PLAIN', ...over } as const
    const outcome = await auth.authenticate(request, new Password(password))
    return { ...outcome, fields: Object.fromEntries(outcome.fields), hashes }
  }
  return { auth, login, asked, uses }
}

t.test('a master becomes the user, whose route is theirs', async t => {
  const { login } = engine()
  t.match(await login('Anna@X*Admin@x', 'admins'), {
    result: 'ok',
    user: 'anna@x',
    masterUser: 'admin@x',
    fields: { ...proxied, master: 'admin@x' },
  })
  t.match(
    await login('anna@x', 'admins', { masterUser: 'admin@x' }),
    { result: 'ok', user: 'anna@x', masterUser: 'admin@x' },
    'a SASL authorisation name says the same',
  )
  t.same((await login('bert@y*admin@x', 'admins')).fields, {}, 'who is not proxied needs no master elsewhere')
})

t.test('what the row of the user names for the backend wins over the master', async t => {
  const { login } = engine()
  const master = async (user: string) => (await login(`${user}*admin@x`, 'admins')).fields.master
  t.equal(await master('by-proxy@x'), 'proxy_master')
  t.equal(await master('own-pass@x'), 'own', 'a password of their own: they log in as themselves')
})

t.test('everybody else is refused', async t => {
  const { login } = engine()
  const cases: [user: string, password: string, result: string][] = [
    ['anna@x*admin@x', 'wrong', 'password_mismatch'],
    ['anna@x*admin@x', 'annas', 'password_mismatch'],
    ['anna@x*nobody@x', 'admins', 'user_unknown'],
    ['anna@x*gone@x', 'any', 'user_disabled'],
    ['anna@x*open@x', 'any', 'internal_failure'],
    ['anna@x*down@x', 'any', 'internal_failure'],
    ['nobody@x*admin@x', 'admins', 'user_unknown'],
    ['disabled@x*admin@x', 'admins', 'user_disabled'],
    ['trouble@x*admin@x', 'admins', 'internal_failure'],
    ['anna@x*admin@x*x', 'admins', 'user_unknown'],
    ['*admin@x', 'admins', 'user_unknown'],
    ['anna@x*', 'admins', 'user_unknown'],
    ['*', 'admins', 'user_unknown'],
  ]
  for (const [user, password, result] of cases) {
    const outcome = await login(user, password)
    t.match(outcome, { result, fields: {} }, `${user} ${password}`)
    t.notOk(outcome.result === 'ok')
  }
})

t.test('a master and a user are never one account', async t => {
  const { login, asked } = engine()
  t.match(await login('admin@x', 'admins'), { result: 'user_unknown' }, 'a master is no user')
  t.match(await login('admin@x*admin@x', 'admins'), { result: 'user_unknown' }, 'nor by his own separator')
  t.match(await login('admin@x', 'admins', { masterUser: 'admin@x' }), { result: 'user_unknown' })
  t.match(await login('bert@y*anna@x', 'annas'), { result: 'user_unknown' }, 'a user is no master')
  t.match(await login('both@x', 'mastering'), { result: 'password_mismatch' })
  t.match(await login('both@x', 'using'), { result: 'ok', user: 'both@x' })
  t.match(await login('both@x', 'using', { masterUser: 'both@x' }), { result: 'ok', masterUser: undefined })
  t.match(await login('anna@x*both@x', 'using'), { result: 'password_mismatch' })
  t.match(await login('anna@x*both@x', 'mastering'), { result: 'ok', user: 'anna@x' })
  t.ok(asked.includes('masters both@x') && asked.includes('users both@x'))
})

t.test('cached answers never mix masters and users', async t => {
  for (const order of [1, -1]) {
    const { login, asked } = engine()
    const logins: [string, string, string][] = [
      ['both@x', 'using', 'ok'],
      ['anna@x*both@x', 'mastering', 'ok'],
      ['anna@x', 'annas', 'ok'],
      ['anna@x', 'mastering', 'password_mismatch'],
      ['both@x', 'mastering', 'password_mismatch'],
      ['anna@x*both@x', 'using', 'password_mismatch'],
      ['anna@x*both@x', 'annas', 'password_mismatch'],
    ]
    for (const _round of [1, 2, 3]) {
      for (const [user, password, result] of logins.toSorted(() => order)) {
        const outcome = await login(user, password)
        t.equal(outcome.result, result, `${user} ${password}`)
        t.equal(outcome.masterUser, user.includes('*') && result === 'ok' ? 'both@x' : undefined)
        t.equal('master' in outcome.fields, user.includes('*') && result === 'ok')
      }
    }
    t.ok(asked.length < 21, 'and there was a cache')
  }
})

t.test('limits count when the password was right', async t => {
  const { login, asked } = engine()
  t.match(await login('anna@x*narrow@x', 'narrow'), { result: 'ok' })
  t.match(await login('bert@y*narrow@x', 'narrow'), { result: 'user_unknown', fields: {} })
  t.match(await login('anna@x*narrow@x', 'narrow', { protocol: 'pop3' }), { result: 'user_unknown' })
  t.match(await login('renamed@x*narrow@x', 'narrow'), { result: 'user_unknown' }, 'he became anna@y')
  t.match(await login('anna@x*broken@x', 'broken'), { result: 'internal_failure' }, 'never unlimited')
  t.match(await login('anna@x*broken@x', 'wrong'), { result: 'password_mismatch' })
  t.match(await login('anna@x*alias@x', 'alias'), { result: 'user_unknown' }, 'he would become bert@y')
  t.notOk(asked.includes('users bert@y'), 'whom he may not be is not looked up')
})

t.test('a refusal takes one hash, whatever its reason', async t => {
  const { login } = engine()
  for (const [user, password] of [
    ['anna@x*admin@x', 'wrong'],
    ['anna@x*nobody@x', 'wrong'],
    ['anna@x*gone@x', 'wrong'],
    ['nobody@x*admin@x', 'admins'],
    ['bert@y*narrow@x', 'narrow'],
  ] as const)
    t.equal((await login(user, password)).hashes, 1, user)
})

t.test('with return-ok nobody asks whether the user exists, as in Dovecot', async t => {
  const { login, asked } = engine({ master: { resultSuccess: 'return-ok' } })
  t.match(await login('nobody@x*admin@x', 'admins'), { result: 'ok', user: 'nobody@x' })
  t.same(asked, ['masters admin@x'])
})

t.test('a Dovecot that has verified the master asks for the user only', async t => {
  const { login, auth, uses } = engine()
  const verified = { masterUser: 'ops', skipPasswordCheck: true }
  t.match(await login('anna@x', '', verified), {
    result: 'ok',
    user: 'anna@x',
    fields: { ...proxied, master: 'ops' },
  })
  const looked = await auth.lookupPassdb({
    user: 'anna@x',
    protocol: 'imap',
    secured: 'tls',
    mechanism: 'CRAM-MD5',
    ...verified,
  })
  t.match(looked, { result: 'ok', user: 'anna@x' })
  t.equal(looked.credentials, undefined, 'what anna has stored is nobody’s business')
  t.match(uses, [
    { master: 'ops', user: 'anna@x', result: 'ok', verifiedBy: 'caller', mechanism: 'PLAIN' },
    { master: 'ops', user: 'anna@x', result: 'ok', verifiedBy: 'caller', mechanism: 'CRAM-MD5' },
  ])
})

t.test('every use and every attempt is told, and nothing else', async t => {
  const { login, auth, uses } = engine()
  const from = { remoteIp: '192.0.2.7', realRemoteIp: '192.0.2.1', sessionId: 's1' }
  await login('Anna@x*admin@x', 'admins', from)
  await login('anna@x*admin@x', 'wrong')
  await login('nobody@x*admin@x', 'admins')
  await login('bert@y*narrow@x', 'narrow')
  await login('anna@x*Nobody@x', 'x')
  await login('anna@x*admin@x*more', 'x')
  await login('*admin@x', 'admins')
  await login('anna@x', 'annas')
  await login('admin@x*admin@x', 'admins')
  await auth.lookupPassdb({ user: 'anna@x', protocol: 'lmtp', secured: 'none' })
  t.same(uses[0], {
    master: 'admin@x',
    user: 'anna@x',
    result: 'ok',
    verifiedBy: 'homing',
    protocol: 'imap',
    mechanism: 'PLAIN',
    ...from,
  })
  t.same(
    uses.slice(1).map(({ master, user, result }) => [master, user, result]),
    [
      ['admin@x', 'anna@x', 'password_mismatch'],
      ['admin@x', 'nobody@x', 'user_unknown'],
      ['narrow@x', 'bert@y', 'user_unknown'],
      ['nobody@x', 'anna@x', 'user_unknown'],
      ['admin@x*more', 'anna@x', 'user_unknown'],
      ['admin@x', '', 'user_unknown'],
    ],
  )
  t.match(uses[3], { reason: 'the master user may not be a user of y' })
  t.notMatch(JSON.stringify(uses), /admins|wrong|narrow"|PLAIN}/)
})

t.test('where a use cannot be recorded nobody becomes anybody, if that is asked for', async t => {
  const refused = engine({ recorded: false })
  t.match(await refused.login('anna@x*admin@x', 'admins'), { result: 'internal_failure', fields: {} })
  t.match(await refused.login('anna@x*admin@x', 'wrong'), { result: 'password_mismatch' })
  t.match(await refused.login('anna@x', 'annas'), { result: 'ok' }, 'users do not wait for it')
  t.match(await engine({ recorded: true }).login('anna@x*admin@x', 'admins'), { result: 'ok' })
})
