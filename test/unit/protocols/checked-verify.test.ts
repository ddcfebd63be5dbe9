// policy_check: the rules inside verify, for callers that have no auth-policy of their own.

import t from 'tap'
import type { Auth, IncomingRequest } from '../../../src/auth/auth.js'
import { splitNames } from '../../../src/auth/master-user.js'
import type { HomingConfig } from '../../../src/config/program-schema.js'
import type { AuthEvent } from '../../../src/model/auth-event.js'
import { noFields } from '../../../src/model/extra-fields.js'
import type { MasterUse } from '../../../src/model/master-use.js'
import type { FinalResult } from '../../../src/model/passdb-result.js'
import { Password } from '../../../src/model/password.js'
import { createUsernameRules } from '../../../src/model/username.js'
import { createPolicyServer } from '../../../src/policy/policy-server.js'
import { checkedVerify, REFUSED } from '../../../src/protocols/checked-verify.js'
import { auditRefusedMasters } from '../../../src/service/audit-refused-masters.js'
import { addressNumber, openSite } from '../policy/simulation.js'

function open(result: (password: string) => FinalResult) {
  const site = openSite({
    policy_user_passwords_tarpit: 0,
    policy_user_failures_tarpit: 0,
    policy_address_failures_tarpit: 0,
  })
  const names = {
    auth_username_format: '%Lu',
    auth_default_realm: '',
    auth_username_chars: '',
    auth_username_translation: '%@#@',
  }
  const rules = createUsernameRules(names)
  const nameOf = (login: string) => {
    const name = rules.normalise(login)
    return 'user' in name ? name.user : login
  }
  const server = createPolicyServer(site.policy, { lists: site.policy.lists } as never, {
    refused: () => {},
    reportBug: (_where, error) => t.fail(String(error)),
    nameOf,
    whoseOf: names => nameOf(splitNames(names, '*').master ?? names.user),
  })
  let asked = 0
  const authenticate: Auth['authenticate'] = async ({ user }, password) => {
    asked++
    return { result: result(password.reveal().toString()), user, fields: noFields, trace: [] }
  }
  const events: AuthEvent[] = []
  const uses: MasterUse[] = []
  const verify = checkedVerify(
    { authenticate } as Auth,
    server,
    { nonce: 'n', mech: 'sha256', truncateBits: 12 },
    event => events.push(event),
    auditRefusedMasters(
      {
        auth_master_user_separator: '*',
        ...names,
      } as HomingConfig['settings'],
      {
        record: use => {
          uses.push(use)
          return undefined
        },
      },
    ),
  )
  const ask = (user: string, password: string, more: Partial<IncomingRequest> = {}) =>
    verify({ user, protocol: 'imap', secured: 'tls', ...more }, new Password(password))
  return { ask, events, uses, server, asked: () => asked }
}

const wrongUnlessRight = (password: string): FinalResult =>
  password === 'right' ? 'ok' : 'password_mismatch'

t.test('an account has one bound, however its name is written', async t => {
  const { ask, events, asked } = open(wrongUnlessRight)
  const spellings = ['ANNA@example.org', 'anna@example.org', 'anna%Example.org', 'anna#example.org']
  for (let n = 0; n < 2000; n++) {
    await ask(spellings[n % spellings.length] ?? '', `guess ${n}`, { remoteIp: addressNumber(n) })
  }
  t.ok(asked() <= 100, `${asked()} reached the account`)
  t.equal(events.length, 2000 - asked(), 'every refusal is reported')
  t.match(events.at(-1), {
    question: 'verify',
    result: 'user_disabled',
    user: 'anna@example.org',
    reason: /^policy: user_/,
  })
})

t.test("a master's password has one bound, whomever the guesser wants to be", async t => {
  const { ask, asked } = open(wrongUnlessRight)
  for (let n = 0; n < 400; n++) {
    const from = { remoteIp: addressNumber(n * 300) }
    if (n % 2) await ask(`user${n}*ADM@example.org`, `guess ${n}`, from)
    else await ask(`user${n}`, `guess ${n}`, { ...from, masterUser: 'adm@Example.org' })
  }
  t.ok(asked() <= 100, `${asked()} reached the master's account`)
  t.match(
    await ask('user1', 'right', { remoteIp: '198.18.0.1' }),
    { result: 'ok' },
    'users are not the master',
  )
})

t.test('a refusal says nothing of the password, and nothing is broken', async t => {
  const { ask } = open(wrongUnlessRight)
  for (let n = 0; n < 100; n++) await ask('anna', `guess ${n}`, { remoteIp: addressNumber(n) })
  for (const password of ['right', 'wrong']) {
    t.match(await ask('anna', password, { remoteIp: '198.18.0.1' }), {
      result: 'user_disabled',
      reason: REFUSED,
    })
  }
})

t.test('trouble on our side counts against nobody', async t => {
  const { ask, asked } = open(() => 'internal_failure')
  for (let n = 0; n < 300; n++) {
    const { result } = await ask('anna', `guess ${n}`, { remoteIp: '203.0.113.7' })
    if (result !== 'internal_failure') t.fail(`${n}: ${result}`)
  }
  t.equal(asked(), 300)
})

t.test('a session that a Dovecot has asked about is not asked about again', async t => {
  const { ask, server, asked } = open(wrongUnlessRight)
  server.askedAbout('session')
  for (let n = 0; n < 200; n++) await ask('anna', `guess ${n}`, { sessionId: 'session' })
  t.equal(asked(), 200)
  t.equal(server.counts().reports.failure, 0)
})

t.test('nor one with a long name', async t => {
  const { ask, server, asked } = open(wrongUnlessRight)
  server.askedAbout('s'.repeat(64))
  for (let n = 0; n < 200; n++) await ask('anna', `guess ${n}`, { sessionId: 's'.repeat(100) })
  t.equal(asked(), 200)
})

t.test("a master's attempt that is refused is in the audit, as one of a user is not", async t => {
  const { ask, events, uses } = open(wrongUnlessRight)
  for (let n = 0; n < 100; n++) {
    await ask(`User${n}*adm`, `guess ${n}`, { remoteIp: addressNumber(n * 300) })
    await ask('anna', `guess ${n}`, { remoteIp: addressNumber(n * 300) })
  }
  t.equal(uses.length, events.filter(({ originalUser }) => originalUser.endsWith('*adm')).length)
  t.same(uses.at(-1), {
    master: 'adm',
    user: 'user99',
    verifiedBy: 'homing',
    protocol: 'imap',
    remoteIp: addressNumber(99 * 300),
    result: 'user_disabled',
    reason: 'policy: user_passwords',
  })
})
