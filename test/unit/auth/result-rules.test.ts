import t from 'tap'
import type { LinkRules, ResultRule } from '../../../src/auth/chained-passdb.js'
import {
  applyResultRule,
  type ChainState,
  finalLookupResult,
  finalResult,
  startState,
} from '../../../src/auth/result-rules.js'
import type { PassdbReply } from '../../../src/model/passdb.js'
import type { PassdbResult } from '../../../src/model/passdb-result.js'

const start = startState({ user: 'anna', loginUser: undefined, fields: new Map([['proxy', 'y']]) }, false)

function linkWith(rule: ResultRule, deny = false): LinkRules {
  return {
    resultSuccess: rule,
    resultFailure: rule,
    resultInternalfail: rule,
    deny,
    defaultFields: [],
    overrideFields: [],
  }
}

/** A reply of this result, with a field where it may carry one. */
function reply(result: PassdbResult): PassdbReply {
  return result === 'ok' || result === 'next' ? { result, fields: new Map([['host', 'b1']]) } : { result }
}

function apply(result: PassdbResult, rule: ResultRule, state: ChainState = start, deny = false) {
  const step = applyResultRule(state, linkWith(rule, deny), reply(result))
  const { success, passwordVerified, fields } = step.state
  const end = step.goOn ? 'goes on' : step.result
  return { end, success, passwordVerified, fields: Object.fromEntries(fields) }
}

const kept = { proxy: 'y', host: 'b1' }
const before = { proxy: 'y' }
const successful: ChainState = { ...start, success: true }

/** rule → after ok; after a mismatch; after a mismatch when an earlier link had made it a success. */
const rules = {
  return: ['password_mismatch', 'password_mismatch', 'ok'],
  'return-ok': ['ok', 'ok', 'ok'],
  'return-fail': ['password_mismatch', 'password_mismatch', 'password_mismatch'],
  continue: ['goes on', 'goes on', 'goes on'],
  'continue-ok': ['goes on', 'goes on', 'goes on'],
  'continue-fail': ['goes on', 'goes on', 'goes on'],
} satisfies Record<ResultRule, readonly string[]>

for (const [rule, ends] of Object.entries(rules) as [ResultRule, readonly string[]][]) {
  t.test(`${rule} ends or goes on as its name says`, async t => {
    t.same(
      [apply('ok', rule), apply('password_mismatch', rule), apply('password_mismatch', rule, successful)].map(
        ({ end }) => end,
      ),
      ends,
    )
  })
}

t.test('return-ok and continue-ok make a success, return-fail and continue-fail take it back', async t => {
  for (const rule of ['return-ok', 'continue-ok'] as const) t.ok(apply('user_unknown', rule).success)
  for (const rule of ['return-fail', 'continue-fail'] as const) t.notOk(apply('ok', rule, successful).success)
  for (const rule of ['return', 'continue'] as const) {
    t.ok(apply('ok', rule, successful).success)
    t.notOk(apply('ok', rule).success)
  }
})

t.test('continue vouches for the password only after ok, continue-ok always', async t => {
  t.ok(apply('ok', 'continue').passwordVerified)
  t.notOk(apply('user_unknown', 'continue').passwordVerified)
  t.ok(apply('user_unknown', 'continue-ok').passwordVerified)
  t.notOk(apply('ok', 'continue-fail').passwordVerified)
})

t.test('fields are kept after ok and next and forgotten otherwise', async t => {
  t.same(apply('ok', 'continue').fields, kept)
  t.same(apply('next', 'return-fail').fields, kept)
  t.same(apply('user_unknown', 'continue').fields, before)
})

t.test('nopassword and noauthenticate stay with their link', async t => {
  const fields = new Map([
    ['nopassword', 'y'],
    ['noauthenticate', 'y'],
    ['host', 'b1'],
  ])
  const { state } = applyResultRule(start, linkWith('continue'), { result: 'next', fields })
  t.same([...state.fields.keys()], ['proxy', 'host'])
})

t.test('next always goes on', async t => {
  for (const rule of Object.keys(rules) as ResultRule[])
    t.equal(apply('next', rule, successful).end, 'goes on')
})

t.test('a disabled user and an expired password end the chain whatever the rule and the success', async t => {
  for (const rule of Object.keys(rules) as ResultRule[]) {
    t.equal(apply('user_disabled', rule, successful).end, 'user_disabled')
    t.equal(apply('pass_expired', rule, successful).end, 'pass_expired')
  }
  t.same(apply('pass_expired', 'continue').fields, { proxy: 'y', reason: 'Password expired' })
})

t.test('a deny link lets only the unknown pass', async t => {
  const denied = (result: PassdbResult) => apply(result, 'continue-ok', successful, true).end
  t.equal(denied('user_unknown'), 'goes on')
  t.equal(denied('internal_failure'), 'internal_failure')
  for (const found of ['ok', 'next', 'password_mismatch', 'scheme_not_available', 'pass_expired'] as const) {
    t.equal(denied(found), 'user_disabled')
  }
  t.same(apply('ok', 'continue', start, true).fields, kept, 'what it says about the user goes to the client')
})

t.test('an internal failure is not forgotten when a later link says no', async t => {
  const { state } = applyResultRule(start, linkWith('continue'), { result: 'internal_failure' })
  t.equal(finalResult(state, 'password_mismatch'), 'internal_failure')
  t.equal(finalResult(state, 'user_unknown'), 'internal_failure')
  t.equal(finalResult(state, 'ok'), 'internal_failure')
  t.equal(finalResult({ ...state, success: true }, 'user_unknown'), 'ok')
})

t.test('a chain never ends in ok without success', async t => {
  t.equal(finalResult(start, 'ok'), 'password_mismatch')
})

t.test('a last next is an internal failure, unless it was a success before', async t => {
  t.equal(finalResult(start, 'next'), 'internal_failure')
  t.equal(finalResult(successful, 'next'), 'ok')
})

t.test('a lookup without the right scheme says unknown when another passdb had the scheme', async t => {
  const { state } = applyResultRule(start, linkWith('continue'), { result: 'user_unknown' })
  t.equal(finalLookupResult(state, 'scheme_not_available'), 'user_unknown')
  t.equal(finalLookupResult(start, 'scheme_not_available'), 'scheme_not_available')
  t.equal(finalLookupResult(state, 'internal_failure'), 'internal_failure')
})

t.test('a name made empty turns ok into user_unknown', async t => {
  const reply: PassdbReply = { result: 'ok', fields: new Map([['user', '']]) }
  const step = applyResultRule(start, { ...linkWith('return-ok'), resultFailure: 'return-fail' }, reply)
  t.match(step, { goOn: false, result: 'user_unknown', state: { user: 'anna' } })
  t.same([...step.state.fields.keys()], ['proxy'])
})
