// The engine as a protocol sees it: names, one or two passdbs, the firewall, the event.

import t from 'tap'
import type { IncomingRequest } from '../../../src/auth/auth.js'
import type { ChainedPassdb } from '../../../src/auth/chained-passdb.js'
import { createAuth } from '../../../src/auth/create-auth.js'
import { createChain } from '../../../src/auth/passdb-chain.js'
import type { AuthEvent } from '../../../src/model/auth-event.js'
import { noFields } from '../../../src/model/extra-fields.js'
import type { PassdbLookup } from '../../../src/model/passdb.js'
import { Password } from '../../../src/model/password.js'
import type { PasswordVerdict } from '../../../src/password/password-verifier.js'
import { ordinaryPassdb } from './ordinary-passdb.js'

const found = (fields: Record<string, string> = {}, stored?: string): PassdbLookup => ({
  result: 'ok',
  fields: new Map(Object.entries(fields)),
  ...(stored !== undefined && { credentials: { stored } }),
})
const proxied = { proxy: 'y', host: 'backend1.example.com', nopassword: 'y' }
const local = found({}, '{PLAIN}secret')

const request: IncomingRequest = { user: 'Anna@X', protocol: 'imap', secured: 'tls' }

const trouble: readonly (PassdbLookup | Error)[] = [
  { result: 'internal_failure', reason: 'the database is down' },
  new Error('a bug'),
]

t.test('a right password is ok and brings the fields', async t => {
  const { outcome } = await login({ local: found({ userdb_uid: '5000' }, '{PLAIN}secret') }, 'secret')
  t.match(outcome, { result: 'ok', user: 'anna@x' })
  t.same([...outcome.fields], [['userdb_uid', '5000']])
})

t.test('a wrong password is a mismatch and brings no field', async t => {
  const { outcome } = await login({ local: found({ userdb_uid: '5000' }, '{PLAIN}secret') }, 'wrong')
  t.match(outcome, { result: 'password_mismatch', user: 'anna@x' })
  t.equal(outcome.fields.size, 0)
})

t.test('a stored password without a scheme takes the default one of its passdb', async t => {
  const { asked } = await login({ local: found({}, 'secret') }, 'secret')
  t.same(asked, ['{PLAIN}secret'])
})

t.test('a user whom the backend verifies is ok, and nopassword does not leave', async t => {
  const { outcome } = await login({ proxy: found(proxied) }, 'anything')
  t.equal(outcome.result, 'ok')
  t.same([...outcome.fields.keys()], ['proxy', 'host'])
})

t.test('a stored password counts although nopassword is set too', async t => {
  const { outcome } = await login({ proxy: found(proxied, '{PLAIN}secret') }, 'anything')
  t.equal(outcome.result, 'password_mismatch')
})

t.test('neither password nor nopassword is a mismatch, as in Dovecot', async t => {
  const { outcome } = await login({ local: found() }, '')
  t.equal(outcome.result, 'password_mismatch')
})

t.test('trouble with the proxied users never becomes a local login', async t => {
  for (const proxy of trouble) {
    const { outcome } = await login({ proxy, local }, 'secret')
    t.equal(outcome.result, 'internal_failure')
    t.equal(outcome.fields, noFields)
  }
})

t.test('a disabled proxied user never becomes a local login', async t => {
  const { outcome } = await login({ proxy: { result: 'user_disabled' }, local }, 'secret')
  t.match(outcome, { result: 'user_disabled', reason: 'Account is disabled' })
})

t.test('a proxied user whose password is wrong never becomes a local login', async t => {
  const over = { foundIsFinal: true }
  const refusals: [PassdbLookup, PasswordVerdict | undefined, string][] = [
    [found({ ...proxied }, '{PLAIN}other'), undefined, 'password_mismatch'],
    [found(proxied, '{X}y'), { verdict: 'scheme_not_available', reason: '' }, 'scheme_not_available'],
    [found({ ...proxied, allow_nets: '10.0.0.0/8' }), undefined, 'user_unknown'],
    [found({ ...proxied, fail: 'y' }), undefined, 'user_unknown'],
    [found({ ...proxied, user: '' }), undefined, 'user_unknown'],
  ]
  for (const [proxy, verdict, result] of refusals) {
    const from = { remoteIp: '192.0.2.1' }
    const { outcome, events } = await login({ proxy, local }, 'secret', from, verdict, over)
    t.equal(outcome.result, result)
    t.same(
      events[0]?.trace.map(step => step.passdb),
      ['proxy'],
    )
  }
})

t.test('an unknown proxied user is a local one', async t => {
  const { outcome } = await login({ proxy: { result: 'user_unknown' }, local }, 'secret')
  t.equal(outcome.result, 'ok')
})

t.test('what the verifier cannot tell is never a mismatch', async t => {
  const verdicts: [PasswordVerdict, string][] = [
    [{ verdict: 'malformed', reason: 'cut off' }, 'internal_failure'],
    [{ verdict: 'unavailable', reason: 'queue full' }, 'internal_failure'],
    [{ verdict: 'scheme_not_available', reason: 'no such scheme' }, 'scheme_not_available'],
  ]
  for (const [verdict, result] of verdicts) {
    const { outcome } = await login({ local: found({}, '{X}y') }, 'secret', {}, verdict)
    t.equal(outcome.result, result)
    t.equal(outcome.reason, undefined, 'the caller is not told our troubles')
  }
})

t.test(
  'where too many passwords wait, whoever exists and whoever does not are told when to come again',
  async t => {
    const busy: PasswordVerdict = { verdict: 'unavailable', reason: 'queue full', retryAfterSecs: 2 }
    for (const local of [
      found({}, '{X}y'),
      { result: 'user_unknown' },
      { result: 'user_disabled' },
    ] satisfies PassdbLookup[]) {
      const { outcome } = await login({ local }, 'secret', {}, busy)
      t.match(outcome, { result: 'internal_failure', fields: noFields, retryAfterSecs: 2 })
      t.equal(outcome.reason, undefined)
    }
  },
)

t.test('each refusal costs one hash, whether there was a password to compare or not', async t => {
  const cases: [string, Replies][] = [
    ['unknown', { proxy: { result: 'user_unknown' }, local: { result: 'user_unknown' } }],
    ['disabled', { local: { result: 'user_disabled' } }],
    ['expired', { local: { result: 'pass_expired' } }],
    ['no password', { local: found({}) }],
    ['wrong password', { local }],
    ['not from there', { local: found({ allow_nets: '10.0.0.0/8' }, '{PLAIN}wrong') }],
  ]
  for (const [title, replies] of cases) {
    const { asked, hashedNothing, outcome } = await login(replies, 'wrong', { remoteIp: '192.0.2.1' })
    t.not(outcome.result, 'ok')
    t.equal(asked.length + hashedNothing(), 1, title)
  }
  const { hashedNothing } = await login({ local }, 'secret')
  t.equal(hashedNothing(), 0, 'and none for nothing')
})

t.test('a field that could hurt Dovecot makes the whole reply an internal failure', async t => {
  const rows = [
    { 'a\tb': 'x' },
    { host: 'a\nb' },
    { port: '143.7' },
    { proxy: 'y' },
    { proxy: 'y', host: '' },
  ]
  for (const fields of rows) {
    const reply = found({ nopassword: 'y', ...fields } as Record<string, string>)
    const { outcome, events } = await login({ proxy: reply }, 'x')
    t.equal(outcome.result, 'internal_failure')
    t.equal(outcome.fields.size, 0)
    t.match(events, [{ result: 'internal_failure', user: 'anna@x' }])
  }
})

t.test('fail and allow_nets make a right password an unknown user', async t => {
  const failing = found({ fail: 'y' }, '{PLAIN}secret')
  t.equal((await login({ local: failing }, 'secret')).outcome.result, 'user_unknown')
  const nets = found({ allow_nets: '10.0.0.0/8' }, '{PLAIN}secret')
  const from = (remoteIp: string) => login({ local: nets }, 'secret', { remoteIp })
  t.equal((await from('10.0.0.1')).outcome.result, 'ok')
  t.equal((await from('192.0.2.1')).outcome.result, 'user_unknown')
  t.same([...(await from('10.0.0.1')).outcome.fields.keys()], ['allow_nets'], 'Dovecot checks it too')
})

t.test('override_fields decide like the fields of the lookup', async t => {
  const overrideFields = [{ name: 'allow_nets', value: '10.0.0.0/8', mode: 'set' as const }]
  const from = { remoteIp: '192.0.2.1' }
  const { outcome } = await login({ local }, 'secret', from, undefined, { overrideFields })
  t.equal(outcome.result, 'user_unknown')
})

t.test('who is found in a deny passdb is refused, whatever else it says of him', async t => {
  const over = { deny: true, resultFailure: 'continue' as const }
  for (const fields of [{}, { fail: 'y' }, { allow_nets: '10.0.0.0/8' }, { noauthenticate: 'y' }]) {
    const from = { remoteIp: '192.0.2.1' }
    const { outcome } = await login(
      { banned: found(fields as Record<string, string>) },
      'x',
      from,
      undefined,
      over,
    )
    t.equal(outcome.result, 'user_disabled', JSON.stringify(fields))
  }
})

t.test(
  'a link with a field that would lead elsewhere is an internal failure, not an unknown user',
  async t => {
    const expandFor = () => ({ harm: 'the field userdb_home would have a part that is . or ..' })
    const { outcome, lookups } = await login({ proxy: local, local }, 'secret', {}, undefined, { expandFor })
    t.equal(outcome.result, 'internal_failure')
    t.same(lookups, [])
  },
)

t.test('a password with control characters is refused without a lookup', async t => {
  const { outcome, lookups } = await login({ local: found({}, '{PLAIN}a\tb') }, 'a\tb')
  t.equal(outcome.result, 'user_unknown')
  t.same(lookups, [])
})

t.test('for a caller that has verified the password the user only has to be there', async t => {
  const { outcome, asked } = await login({ local }, '', { skipPasswordCheck: true })
  t.equal(outcome.result, 'ok')
  t.same(asked, [])
})

t.test('every login is reported once, with its trace and without password, hash or field', async t => {
  const { events } = await login(
    { proxy: { result: 'user_unknown' }, local: found({ proxy: 'y', host: 'b' }, '{PLAIN}secret') },
    'secret',
    { sessionId: 'x7', remoteIp: '192.0.2.1' },
  )
  t.equal(events.length, 1)
  t.match(events[0], {
    question: 'verify',
    result: 'ok',
    user: 'anna@x',
    originalUser: 'Anna@X',
    sessionId: 'x7',
    remoteIp: '192.0.2.1',
    trace: [
      { passdb: 'proxy', result: 'user_unknown' },
      { passdb: 'local', result: 'ok' },
    ],
  })
  t.notMatch(JSON.stringify(events), /secret|PLAIN|"host"/)
})

t.test('a master login without master passdbs is refused without a lookup', async t => {
  const { outcome, lookups } = await login({ local }, 'secret', { user: 'anna@x*admin@x' })
  t.equal(outcome.result, 'password_mismatch')
  t.same(lookups, [])
})

t.test('a lookup shows what is stored, or nopassword', async t => {
  const stored = await engine({ local }).auth.lookupPassdb(request)
  t.match(stored, { result: 'ok', credentials: { stored: '{PLAIN}secret' } })
  const backend = await engine({ proxy: found(proxied) }).auth.lookupPassdb(request)
  t.equal(backend.fields.get('nopassword'), 'y')
  t.equal(backend.credentials, undefined)
  const nobody = await engine({ local: { result: 'user_unknown' } }).auth.lookupPassdb(request)
  t.equal(nobody.result, 'user_unknown')
})

type Replies = Readonly<Record<string, PassdbLookup | Error>>

function engine(replies: Replies, verdict?: PasswordVerdict, link: Partial<ChainedPassdb> = {}) {
  const events: AuthEvent[] = []
  const asked: string[] = []
  let hashedNothing = 0
  const lookups: string[] = []
  const names = Object.keys(replies)
  const auth = createAuth({
    chain: createChain(
      names.map((name, index) => ({
        name,
        passdb: {
          driver: 'test',
          lookup: async ({ user }) => {
            lookups.push(user)
            const reply = replies[name]
            if (reply === undefined || reply instanceof Error) throw reply
            return reply
          },
        },
        ...ordinaryPassdb,
        resultFailure: index === names.length - 1 ? 'return-fail' : 'continue',
        ...link,
      })),
    ),
    userdbs: [],
    usernameRules: {
      normalise: name => ({ user: name.toLowerCase() }),
      normaliseStored: name => name.toLowerCase(),
    },
    masterUserSeparator: '*',
    verifier: {
      verify: async (stored, password) => {
        asked.push(stored)
        return verdict ?? { verdict: stored === `{PLAIN}${password.reveal()}` ? 'match' : 'mismatch' }
      },
      verifyNothing: async () => {
        hashedNothing++
        return verdict?.verdict === 'unavailable' ? verdict : { verdict: 'mismatch' }
      },
    },
    clock: { now: () => 0, unixSeconds: () => 1_800_000_000 },
    report: event => events.push(event),
  })
  return { auth, events, asked, lookups, hashedNothing: () => hashedNothing }
}

async function login(
  replies: Replies,
  password: string,
  over: Partial<IncomingRequest> = {},
  verdict?: PasswordVerdict,
  link?: Partial<ChainedPassdb>,
) {
  const { auth, ...seen } = engine(replies, verdict, link)
  const outcome = await auth.authenticate({ ...request, ...over }, new Password(password))
  return { outcome, ...seen }
}
