import t from 'tap'
import type { ChainOutcome } from '../../../src/auth/chain-outcome.js'
import { type ChainedPassdb, mechanismSet } from '../../../src/auth/chained-passdb.js'
import { type Ask, createChain, walkChain, walkMasters } from '../../../src/auth/passdb-chain.js'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import type { Passdb, PassdbReply } from '../../../src/model/passdb.js'
import { ordinaryPassdb } from './ordinary-passdb.js'

const passdb: Passdb = {
  driver: 'sql',
  lookup: () => Promise.reject(new Error('the chain asks through `ask`')),
}

function link(name: string, place: Partial<ChainedPassdb> = {}): ChainedPassdb {
  return {
    name,
    passdb,
    ...ordinaryPassdb,
    resultInternalfail: 'continue',
    ...place,
  }
}

const request: AuthRequest = {
  user: 'anna@example.org',
  originalUser: 'Anna@example.org',
  protocol: 'imap',
  mechanism: 'PLAIN',
  secured: 'tls',
}
const lookup: AuthRequest = {
  user: 'anna@example.org',
  originalUser: 'anna@example.org',
  protocol: 'lmtp',
  secured: 'none',
}

function ok(fields: Record<string, string> = {}, stored?: string): PassdbReply {
  const reply = { result: 'ok', fields: new Map(Object.entries(fields)) } as const
  return stored === undefined ? reply : { ...reply, credentials: { stored } }
}
const unknown: PassdbReply = { result: 'user_unknown' }
const mismatch: PassdbReply = { result: 'password_mismatch' }
const failure: PassdbReply = { result: 'internal_failure', reason: 'db1 does not answer', cause: 'ETIMEDOUT' }
const next: PassdbReply = { result: 'next', fields: new Map([['noauthenticate', 'y']]) }

interface Question {
  readonly link: string
  readonly user: string
  readonly verified: boolean
}

/** Links that answer as told, by name; and whom they were asked about. */
function answering(replies: Readonly<Record<string, PassdbReply>>): { ask: Ask; asked: Question[] } {
  const asked: Question[] = []
  const ask: Ask = ({ name }, { user }, verified) => {
    asked.push({ link: name, user, verified })
    const reply = replies[name]
    if (!reply) throw new Error(`${name} should not have been asked`)
    return { reply, cache: 'miss', ms: 2 }
  }
  return { ask, asked }
}

function names(asked: readonly Question[]): readonly string[] {
  return asked.map(({ link }) => link)
}

function fieldsOf(outcome: ChainOutcome): Record<string, string> {
  return Object.fromEntries(outcome.fields)
}

const proxyThenLocal = createChain([
  link('proxy', { resultInternalfail: 'return-fail' }),
  link('local', { resultFailure: 'return-fail', resultInternalfail: 'return-fail' }),
])

t.test('the default chain', async t => {
  const walk = (replies: Readonly<Record<string, PassdbReply>>) =>
    walkChain(proxyThenLocal, request, answering(replies).ask, 'verify')

  t.match(await walk({ proxy: ok({ proxy: 'y' }) }), { result: 'ok' }, 'a proxied user never reaches local')
  t.match(await walk({ proxy: unknown, local: ok() }), { result: 'ok' })
  t.match(await walk({ proxy: unknown, local: mismatch }), { result: 'password_mismatch' })
  t.match(await walk({ proxy: unknown, local: unknown }), { result: 'user_unknown' })
  t.match(await walk({ proxy: failure }), {
    result: 'internal_failure',
    reason: 'db1 does not answer',
    cause: 'ETIMEDOUT',
  })
  t.match(await walk({ proxy: { result: 'user_disabled' } }), { result: 'user_disabled' })
})

t.test('the outcome tells each step', async t => {
  const { ask } = answering({ proxy: unknown, local: { ...mismatch, reason: 'wrong' } as PassdbReply })
  t.same((await walkChain(proxyThenLocal, request, ask, 'verify')).trace, [
    { passdb: 'proxy', driver: 'sql', result: 'user_unknown', cache: 'miss', ms: 2 },
    { passdb: 'local', driver: 'sql', result: 'password_mismatch', cache: 'miss', ms: 2, reason: 'wrong' },
  ])
})

t.test('an earlier failure explains a later no', async t => {
  const chain = createChain([link('a'), link('b')])
  const outcome = await walkChain(chain, request, answering({ a: failure, b: mismatch }).ask, 'verify')
  t.match(outcome, { result: 'internal_failure', reason: 'db1 does not answer', cause: 'ETIMEDOUT' })
})

t.test('links are skipped by what is verified', async t => {
  const chain = createChain([
    link('first', { resultSuccess: 'continue' }),
    link('again', { skip: 'authenticated', resultSuccess: 'continue' }),
    link('route', { skip: 'unauthenticated', resultSuccess: 'return-ok' }),
  ])
  const verified = answering({ first: ok({ a: '1' }), route: ok({ host: 'b1' }) })
  const outcome = await walkChain(chain, request, verified.ask, 'verify')
  t.equal(outcome.result, 'ok')
  t.same(fieldsOf(outcome), { a: '1', host: 'b1' })
  t.same(verified.asked, [
    { link: 'first', user: 'anna@example.org', verified: false },
    { link: 'route', user: 'anna@example.org', verified: true },
  ])

  const unverified = answering({ first: mismatch, again: mismatch })
  t.match(await walkChain(chain, request, unverified.ask, 'verify'), { result: 'password_mismatch' })
  t.same(names(unverified.asked), ['first', 'again'])
})

t.test('a caller who has checked the password starts with it verified', async t => {
  const { ask, asked } = answering({ a: ok() })
  await walkChain(createChain([link('a')]), { ...request, skipPasswordCheck: true }, ask, 'verify')
  t.match(asked, [{ verified: true }])
})

t.test('links that wait for a verified password are dropped from the head of the chain', async t => {
  const chain = createChain([
    link('m1', { master: true, skip: 'unauthenticated' }),
    link('early', { skip: 'unauthenticated' }),
    link('early2', { skip: 'unauthenticated' }),
    link('a'),
    link('late', { skip: 'unauthenticated' }),
  ])
  t.same(
    chain.links.map(({ name }) => name),
    ['a', 'late'],
  )
  t.same(chain.masters, [])
})

t.test('a master that denies is a mistake in the configuration', async t => {
  t.throws(() => createChain([link('adm', { master: true, deny: true })]), {
    message: 'passdb adm: a master passdb cannot have deny',
  })
})

t.test('a link whose filters do not want the request is skipped', async t => {
  const chain = createChain([
    link('plain', { mechanisms: mechanismSet(['plain', 'Login']) }),
    link('lookups', { mechanisms: mechanismSet(['lookup']) }),
    link('lookups23', { mechanisms: mechanismSet(['none']) }),
    link('elsewhere', { usernameFilter: ['*@example.net'] }),
    link('here', { usernameFilter: ['*@example.org'] }),
  ])
  const all = { plain: unknown, lookups: unknown, lookups23: unknown, here: unknown }
  const login = answering(all)
  await walkChain(chain, request, login.ask, 'verify')
  t.same(names(login.asked), ['plain', 'here'])
  const unsaid = answering(all)
  await walkChain(chain, { ...request, mechanism: undefined }, unsaid.ask, 'verify')
  t.same(names(unsaid.asked), ['plain', 'here'], 'a password that came by nobody says what is no lookup')
  const passdbLookup = answering(all)
  await walkChain(chain, lookup, passdbLookup.ask, 'lookup')
  t.same(names(passdbLookup.asked), ['lookups', 'lookups23', 'here'])
})

t.test('when nobody is left to ask, it is our trouble', async t => {
  const chain = createChain([link('a', { usernameFilter: ['nobody'] })])
  t.match(await walkChain(chain, request, answering({}).ask, 'verify'), {
    result: 'internal_failure',
    reason: 'All password databases were skipped',
    trace: [],
  })
  t.match(await walkChain(createChain([]), request, answering({}).ask, 'verify'), {
    result: 'internal_failure',
  })
})

t.test('a renamed user is looked up under the new name, filters included', async t => {
  const chain = createChain([
    link('a', { resultSuccess: 'continue' }),
    link('old', { usernameFilter: ['*@example.org'] }),
    link('new', { usernameFilter: ['*@example.net'] }),
  ])
  const { ask, asked } = answering({ a: ok({ domain: 'example.net', host: 'b1' }), new: ok() })
  const outcome = await walkChain(chain, request, ask, 'verify')
  t.match(asked, [{ user: 'anna@example.org' }, { link: 'new', user: 'anna@example.net' }])
  t.match(outcome, { result: 'ok', request: { user: 'anna@example.net', originalUser: 'Anna@example.org' } })
  t.same(fieldsOf(outcome), { host: 'b1' }, 'the name is in the request, not among the fields')
})

t.test('a name that a refusing link gave is forgotten', async t => {
  const chain = createChain([link('a', { resultSuccess: 'continue-fail' }), link('b')])
  const { ask, asked } = answering({ a: ok({ user: '' }), b: ok() })
  await walkChain(chain, request, ask, 'verify')
  t.match(asked, [{ user: 'anna@example.org' }, { user: 'anna@example.org' }])
})

t.test('reasons for endings that no link explains', async t => {
  const reason = async (place: Partial<ChainedPassdb>, reply: PassdbReply) =>
    (await walkChain(createChain([link('a', place)]), request, answering({ a: reply }).ask, 'verify')).reason
  t.match(await reason({}, next), /noauthenticate/)
  t.match(await reason({ resultSuccess: 'return' }, ok()), /no result rule/)
  t.match(await reason({ deny: true }, ok()), /deny/)
  t.match(await reason({}, ok({ username: '' })), /empty/)
})

t.test('a lookup', async t => {
  const chain = createChain([
    link('a', { resultSuccess: 'continue' }),
    link('b', { resultSuccess: 'continue-ok' }),
    link('c', { resultFailure: 'return' }),
  ])
  const walk = (replies: Readonly<Record<string, PassdbReply>>) =>
    walkChain(chain, lookup, answering(replies).ask, 'lookup')

  t.test('shows the last credentials, else the first', async t => {
    t.match((await walk({ a: ok({}, '{A}1'), b: ok({}, '{B}2'), c: ok({}, '{C}3') })).credentials, {
      stored: '{C}3',
    })
    t.match((await walk({ a: ok({}, '{A}1'), b: ok({}, '{B}2'), c: ok() })).credentials, { stored: '{A}1' })
    t.match((await walk({ a: ok({}, '{A}1'), b: ok(), c: unknown })).credentials, { stored: '{A}1' })
    t.match((await walk({ a: unknown, b: ok({}, '{B}2'), c: unknown })).credentials, { stored: '{B}2' })
  })

  t.test('says nopassword only where no link has credentials', async t => {
    const any = ok({ nopassword: 'y', host: 'b1' })
    t.same(fieldsOf(await walk({ a: any, b: ok(), c: ok() })), { host: 'b1', nopassword: 'y' })
    t.same(fieldsOf(await walk({ a: any, b: ok({}, '{B}2'), c: ok() })), { host: 'b1' })
    t.same(fieldsOf(await walk({ a: ok({}, '{A}1'), b: any, c: ok() })), { host: 'b1' })
    t.same(fieldsOf(await walk({ a: unknown, b: unknown, c: any })), { host: 'b1', nopassword: 'y' })
  })

  t.test('of a verified login shows neither', async t => {
    const { ask } = answering({ a: ok({ nopassword: 'y' }, '{A}1'), b: ok(), c: ok() })
    const outcome = await walkChain(chain, request, ask, 'verify')
    t.match(outcome, { result: 'ok', credentials: undefined })
    t.same(fieldsOf(outcome), {})
  })
})

t.test('a master login', async t => {
  const asMaster: AuthRequest = { ...request, user: 'adm', requestedLoginUser: 'anna@example.org' }
  const masters = (place: Partial<ChainedPassdb>) =>
    createChain([
      link('a'),
      link('m1', { master: true, ...place }),
      link('m2', { master: true, ...place }),
      link('b', { resultFailure: 'return-fail' }),
    ])

  t.test('with return-ok becomes the login user without looking for it', async t => {
    const { ask, asked } = answering({ m1: ok({ x: '1' }) })
    const outcome = await walkMasters(masters({}), asMaster, ask)
    t.same(asked, [{ link: 'm1', user: 'adm', verified: false }])
    t.match(outcome, { result: 'ok', request: { user: 'anna@example.org', masterUser: 'adm' } })
    t.equal(outcome.request.requestedLoginUser, undefined)
    t.same(fieldsOf(outcome), { x: '1' })
  })

  t.test('with continue asks the normal links from the first, the password verified', async t => {
    const { ask, asked } = answering({ m1: ok(), a: unknown, b: ok({ host: 'b1' }) })
    const outcome = await walkMasters(masters({ resultSuccess: 'continue' }), asMaster, ask)
    t.same(asked, [
      { link: 'm1', user: 'adm', verified: false },
      { link: 'a', user: 'anna@example.org', verified: true },
      { link: 'b', user: 'anna@example.org', verified: true },
    ])
    t.match(outcome, { result: 'ok', request: { user: 'anna@example.org', masterUser: 'adm' } })
  })

  t.test('fails when the login user is unknown, and tells that the master was right', async t => {
    const { ask } = answering({ m1: ok(), a: unknown, b: unknown })
    const outcome = await walkMasters(masters({ resultSuccess: 'continue' }), asMaster, ask)
    t.match(outcome, { result: 'user_unknown', request: { masterUser: 'adm' } })
  })

  t.test('asks the next master after a no, and never a normal link', async t => {
    const { ask, asked } = answering({ m1: mismatch, m2: mismatch })
    const outcome = await walkMasters(masters({}), asMaster, ask)
    t.same(names(asked), ['m1', 'm2'])
    t.match(outcome, { result: 'password_mismatch', request: { user: 'adm', masterUser: undefined } })
  })

  t.test('needs a master who said yes, whatever the rules make of a no', async t => {
    const { ask } = answering({ m1: mismatch, m2: mismatch })
    const outcome = await walkMasters(masters({ resultFailure: 'continue-ok' }), asMaster, ask)
    t.match(outcome, { result: 'password_mismatch', reason: 'No master passdb accepted the master user' })
  })

  t.test('without master passdbs is refused', async t => {
    const outcome = await walkMasters(createChain([link('a')]), asMaster, answering({}).ask)
    t.match(outcome, { result: 'user_unknown', trace: [] })
  })

  t.test('becomes whom the master passdb names', async t => {
    const { ask } = answering({ m1: ok({ login_user: 'bert@example.org' }) })
    t.match(await walkMasters(masters({}), asMaster, ask), {
      request: { user: 'bert@example.org', masterUser: 'adm' },
    })
  })

  t.test('is the only one that asks masters', async t => {
    const { ask, asked } = answering({ a: unknown, b: mismatch })
    await walkChain(masters({}), request, ask, 'verify')
    t.same(names(asked), ['a', 'b'])
  })
})
