import t from 'tap'
import type { AuthEvent } from '../../../src/model/auth-event.js'
import { createRecentTroubles } from '../../../src/service/recent-troubles.js'

const trouble: AuthEvent = {
  question: 'verify',
  result: 'internal_failure',
  user: 'anna@x',
  originalUser: 'anna@x',
  protocol: 'imap',
  trace: [],
  ms: 1,
}
const attempt = { login: 'anna@x', remote: '192.0.2.7', pwhash: '0123', session: 's1' }

t.test('a login that met trouble is told from a guess once, by its session', async t => {
  const troubles = createRecentTroubles()
  troubles.notice({ ...trouble, sessionId: 's1' })
  t.notOk(troubles.take({ ...attempt, session: 's2' }), 'another connection')
  t.notOk(troubles.take({ ...attempt, login: 'otto@x' }), 'another user')
  t.ok(troubles.take(attempt))
  t.notOk(troubles.take(attempt))
})

t.test('where a door tells no session the address tells', async t => {
  const troubles = createRecentTroubles()
  troubles.notice({ ...trouble, remoteIp: '::ffff:192.0.2.7' })
  t.notOk(troubles.take({ ...attempt, remote: '192.0.2.8' }))
  t.ok(troubles.take(attempt), 'though Dovecot tells the policy its session')
  t.notOk(troubles.take(attempt), 'and the next one is a guess')
  troubles.notice(trouble)
  const { remote: _, ...nowhere } = attempt
  t.notOk(troubles.take(nowhere), 'nobody from nowhere is everybody')
})

t.test("trouble over whom a master wants to be is no guess at the master's password", async t => {
  const troubles = createRecentTroubles()
  troubles.notice({ ...trouble, masterUser: 'admin@x', sessionId: 's1' })
  t.notOk(troubles.take(attempt), 'nobody has tried the password of the user')
  t.ok(troubles.take({ ...attempt, login: 'admin@x' }))
})

t.test('a lookup that Dovecot makes for a login can meet trouble, too', async t => {
  const troubles = createRecentTroubles()
  const lookup = { ...trouble, question: 'lookup', sessionId: 's1' } as const
  troubles.notice(lookup)
  t.notOk(troubles.take(attempt), 'a delivery is no login')
  troubles.notice({ ...lookup, mechanism: 'SCRAM-SHA-256' })
  t.ok(troubles.take(attempt))
  troubles.notice({ ...trouble, sessionId: 's1', result: 'password_mismatch' })
  t.notOk(troubles.take(attempt), 'a wrong password is none')
})
