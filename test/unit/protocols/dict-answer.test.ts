// What Dovecot 2.3 would make of an outcome decides what it is told.

import t from 'tap'
import type { Auth, IncomingRequest } from '../../../src/auth/auth.js'
import type { AuthOutcome } from '../../../src/auth/auth-outcome.js'
import { finalResults } from '../../../src/model/passdb-result.js'
import { Password } from '../../../src/model/password.js'
import { createPasswordVerifier } from '../../../src/password/create-password-verifier.js'
import { defaultPasswordSettings } from '../../../src/password/password-settings.js'
import { answerDict, noPasswordMatches } from '../../../src/protocols/dict/dict-answer.js'
import { parseDictKey } from '../../../src/protocols/dict/dict-key.js'
import { authWith } from '../../conformance/dict/session.js'

type Verdict = Partial<Omit<AuthOutcome, 'fields'>> & { readonly fields?: Readonly<Record<string, string>> }

const ask = (verdict: Verdict, key: string, seen: Partial<Auth> = {}) => {
  const answer = async ({ user }: IncomingRequest) => ({
    result: 'ok' as const,
    user,
    trace: [],
    ...verdict,
    fields: new Map(Object.entries(verdict.fields ?? {})),
  })
  const auth = authWith({ authenticate: answer, lookupPassdb: answer, ...seen })
  return answerDict({ auth, policy: defaultPasswordSettings }, parseDictKey(key, undefined))
}

const valueFor = async (...args: Parameters<typeof ask>) => {
  const reply = await ask(...args)
  return reply.kind === 'found' ? (JSON.parse(reply.value) as Record<string, string>) : reply
}

const LOOKUP = 'shared/passdb/anna'
const VERIFY = 'shared/passdb/anna/secret'
const EMPTY = 'shared/passdb/anna/'
const route = { proxy: 'y', host: 'backend1.example.com' }

t.test('every result reads as Dovecot must read it', async t => {
  const replies = { user_unknown: 'not-found', user_disabled: 'not-found', pass_expired: 'not-found' }
  for (const result of finalResults) {
    if (result === 'ok' || result === 'password_mismatch') continue
    for (const key of [LOOKUP, VERIFY, EMPTY]) {
      const kind = result in replies ? 'not-found' : 'failed'
      t.match(await ask({ result }, key), { kind }, `${result} for ${key}`)
    }
  }
})

t.test('without a password: what is stored, the fields, and the name when it changed', async t => {
  const credentials = { stored: '{PLAIN}s"3\\c' }
  t.same(await valueFor({ credentials, fields: route }, LOOKUP), { password: '{PLAIN}s"3\\c', ...route })
  t.same(await valueFor({ credentials, user: 'anna@example.org' }, LOOKUP), {
    password: '{PLAIN}s"3\\c',
    user: 'anna@example.org',
  })
  t.same(await valueFor({ fields: { ...route, nopassword: 'y' } }, LOOKUP), { ...route, nopassword: 'y' })
  t.same(
    await valueFor({ credentials, fields: { ...route, nopassword: 'y' } }, LOOKUP),
    { password: '{PLAIN}s"3\\c', ...route },
    'a password that is stored counts',
  )
  t.same(
    await valueFor({ fields: route }, LOOKUP),
    { password: noPasswordMatches, ...route },
    'nobody gets in',
  )
})

t.test('with a password: a hash of it if it was right, else one that no password matches', async t => {
  const right = (await valueFor({ fields: route }, VERIFY)) as Record<string, string>
  t.match(right, { password: /^\{SSHA256\}[A-Za-z0-9+/]{54}==$/, ...route })
  t.notOk('nopassword' in right)
  const { close, verify } = createPasswordVerifier({ auth_hash_workers: 1 })
  t.teardown(close)
  const matches = async (stored: string, password: string) =>
    (await verify(stored, new Password(password), { user: 'anna' })).verdict
  t.equal(await matches(right.password ?? '', 'secret'), 'match')
  for (const password of ['', 'Secret', 'secret ', right.password ?? '']) {
    t.equal(await matches(right.password ?? '', password), 'mismatch')
    t.equal(await matches(noPasswordMatches, password), 'mismatch')
  }
  const wrong = (await valueFor({ result: 'password_mismatch' }, VERIFY)) as Record<string, string>
  t.match(
    wrong,
    { password: noPasswordMatches, nologin: 'y' },
    'and whoever gets in all the same is sent away',
  )
  t.notOk('proxy' in wrong)
})

t.test('an empty password is a lookup, and never lets anybody in', async t => {
  const credentials = { stored: '{PLAIN}secret' }
  t.same(await valueFor({ credentials, fields: route }, EMPTY), { password: '{PLAIN}secret', ...route })
  const undecided = { fields: { ...route, nopassword: 'y' } }
  t.same(await valueFor(undecided, EMPTY), { password: noPasswordMatches, ...route })
  const authenticate = () => t.fail('nobody verifies an empty password') as never
  await ask(undecided, EMPTY, { authenticate })
})

t.test('a master whom Dovecot has verified only needs the user to be there', async t => {
  const asked: IncomingRequest[] = []
  const authenticate: Auth['authenticate'] = async (request, password) => {
    asked.push(request)
    t.equal(password.lengthBytes, 0, 'the password of the master is nobody else’s business')
    return { result: 'ok', user: request.user, fields: new Map(Object.entries(route)), trace: [] }
  }
  const key = 'shared/passdb/master_user=boss/user=anna/password=master-secret'
  t.same(await valueFor({}, key, { authenticate }), { password: noPasswordMatches, ...route })
  t.match(asked, [{ user: 'anna', masterUser: 'boss', skipPasswordCheck: true }])
})

t.test('a stored password that Dovecot 2.3 cannot read is trouble for a login and none for mail', async t => {
  for (const stored of [
    '{ARGON2}$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA',
    '{SHA512}short',
    '{WHAT}x',
    '{SHA512-CRYPT}$6$rounds=9999999999$x$y',
    '{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69',
    'bare',
  ]) {
    const credentials = { stored }
    const login = 'shared/passdb/mech=PLAIN/user=anna'
    t.match(await ask({ credentials, fields: route }, login), { kind: 'failed' }, stored)
    t.match(await ask({ credentials, fields: route }, LOOKUP), { kind: 'failed' }, 'which may be a login’s')
    const mail = await valueFor({ credentials, fields: route }, 'shared/passdb/service=lmtp/mech=/user=anna')
    t.same(mail, { password: noPasswordMatches, ...route })
  }
})

t.test('a userdb key brings uid, gid and home', async t => {
  const lookupUserdb: Auth['lookupUserdb'] = async ({ user }) => ({
    result: 'ok',
    user: `${user}@example.org`,
    fields: new Map([['uid', '5000']]),
  })
  t.same(await valueFor({}, 'shared/userdb/anna', { lookupUserdb }), {
    user: 'anna@example.org',
    uid: '5000',
  })
})
