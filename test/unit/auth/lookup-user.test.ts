import t from 'tap'
import type { ChainedUserdb } from '../../../src/auth/chained-userdb.js'
import { walkUserdbs } from '../../../src/auth/lookup-user.js'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import type { UserdbLookup, UserdbResult } from '../../../src/model/userdb.js'

const request: AuthRequest = { user: 'anna', originalUser: 'anna', protocol: 'imap', secured: 'tls' }
const clock = { now: () => 0, unixSeconds: () => 0 }

const found = (fields: Record<string, string> = {}): UserdbLookup => ({
  result: 'ok',
  fields: new Map(Object.entries(fields)),
})
const unknown: UserdbLookup = { result: 'user_unknown' }
const failure: UserdbLookup = { result: 'internal_failure', reason: 'down' }

t.test('the first userdb that finds the user answers', async t => {
  const walk = await ask([link(unknown), link(found({ uid: '5000' })), link(found({ uid: '1' }))])
  t.match(walk, { result: 'ok', trace: [{ result: 'user_unknown' }, { result: 'ok' }] })
  t.same([...walk.fields], [['uid', '5000']])
})

t.test('unknown everywhere is unknown; unknown beside a failure is a failure', async t => {
  t.equal((await ask([link(unknown), link(unknown)])).result, 'user_unknown')
  const lenient = { resultInternalfail: 'continue' as const }
  t.match(await ask([link(failure, lenient), link(unknown)]), { result: 'internal_failure', reason: 'down' })
})

t.test('by default a failure stops: the next userdb might know another mailbox', async t => {
  const walk = await ask([link(failure), link(found({ home: '/other' }))])
  t.match(walk, { result: 'internal_failure' })
  t.equal(walk.fields.size, 0)
})

t.test('a driver that throws is a failure', async t => {
  const broken = link(unknown)
  const throwing = {
    ...broken,
    userdb: {
      driver: 'test',
      lookup: async () => {
        throw new Error('a bug')
      },
    },
  }
  t.match(await ask([throwing]), { result: 'internal_failure', cause: { message: 'a bug' } })
})

t.test('skip passes over a userdb once the user was found, or as long as he was not', async t => {
  const goOn = { resultSuccess: 'continue-ok' as const }
  const more = link(found({ quota_rule: '*:storage=1G' }), { skip: 'notfound' })
  const both = await ask([link(found({ uid: '5' }), goOn), more])
  t.same([...both.fields.keys()], ['uid', 'quota_rule'])
  t.equal((await ask([link(unknown), more])).result, 'user_unknown')
  const fallback = link(found({ uid: '9' }), { skip: 'found' })
  t.equal((await ask([link(found({ uid: '5' }), goOn), fallback])).fields.get('uid'), '5')
})

t.test('tempfail makes it a temporary failure', async t => {
  const walk = await ask([link(found({ uid: '5', tempfail: 'y', reason: 'moving' }))])
  t.match(walk, { result: 'internal_failure', reason: 'moving' })
  t.equal(walk.fields.size, 0)
})

t.test('default and override fields frame what was found', async t => {
  const own = {
    defaultFields: [{ name: 'uid', value: '1', mode: 'set' as const }],
    overrideFields: [{ name: 'home', value: '/h', mode: 'if-unset' as const }],
  }
  t.same(
    [...(await ask([link(found({ uid: '5' }), own)])).fields],
    [
      ['uid', '5'],
      ['home', '/h'],
    ],
  )
})

t.test('a userdb that would know any name is asked only about users whom the passdbs know', async t => {
  const everybody = link(found({ uid: '5000' }), {}, true)
  for (const result of ['ok', 'user_unknown', 'internal_failure'] as const) {
    t.equal((await ask([everybody], result)).result, result)
  }
})

function ask(links: readonly ChainedUserdb[], passdbs: UserdbResult = 'ok') {
  return walkUserdbs(links, request, async () => passdbs, clock)
}

function link(reply: UserdbLookup, over: Partial<ChainedUserdb> = {}, knowsEveryName = false): ChainedUserdb {
  return {
    name: 'test',
    userdb: { driver: 'test', lookup: async () => reply, knowsEveryName },
    skip: 'never',
    resultSuccess: 'return-ok',
    resultFailure: 'continue',
    resultInternalfail: 'return-fail',
    defaultFields: [],
    overrideFields: [],
    ...over,
  }
}
