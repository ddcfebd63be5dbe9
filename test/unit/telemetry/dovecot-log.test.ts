import t from 'tap'
import type { AuthEvent } from '../../../src/model/auth-event.js'
import {
  formatAuthEvent,
  formatJsonLine,
  formatTimestamp,
  plainName,
} from '../../../src/telemetry/dovecot-log.js'

const event: AuthEvent = {
  question: 'verify',
  result: 'password_mismatch',
  user: 'anna@example.org',
  originalUser: 'anna@example.org',
  protocol: 'imap',
  mechanism: 'PLAIN',
  remoteIp: '198.51.100.7',
  sessionId: 'aeARhxNhN41/AAAC',
  trace: [{ passdb: 'local', driver: 'sql', result: 'password_mismatch', cache: 'none', ms: 1 }],
  ms: 1.234,
}

t.test('a refusal reads as Dovecot writes it', async t => {
  t.equal(
    formatAuthEvent('info', event),
    'auth: Info: sql(anna@example.org,198.51.100.7,<aeARhxNhN41/AAAC>): Password mismatch protocol=imap mechanism=PLAIN passdbs=local:password_mismatch ms=1.23',
  )
  t.match(formatAuthEvent('info', { ...event, result: 'user_unknown' }), /\): unknown user /)
})

t.test('trouble on our side, a lookup, and a success are no failed login', async t => {
  const failed = {
    ...event,
    result: 'internal_failure' as const,
    cause: new Error('db-1\nis gone: Password mismatch'),
  }
  t.match(
    formatAuthEvent('error', failed),
    /^auth: Error: sql\(.*\): verify internal_failure .*cause="db-1\\nis gone/,
  )
  t.match(
    formatAuthEvent('info', { ...event, question: 'lookup', result: 'user_unknown' }),
    /\): lookup user_unknown /,
  )
  t.match(formatAuthEvent('info', { ...event, result: 'ok' }), /\): verify ok /)
})

t.test('a name ends no field and is on one line, and can be read back', async t => {
  const names = [
    'x,198.51.100.9): invalid credentials',
    'a\nNov 25 06:10:04 auth: Info: b',
    'ü\u2028@x',
    '100%',
    'rip=1.2.3.4',
    '\ud800',
  ]
  for (const name of names) {
    const plain = plainName(name)
    t.match(plain, /^[A-Za-z0-9@._+*/%-]+$/)
    t.equal(decodeURIComponent(plain), Buffer.from(name).toString())
    const line = formatAuthEvent('info', {
      ...event,
      user: name,
      originalUser: name,
      sessionId: name,
      protocol: name,
    })
    t.match(line, new RegExp(`^auth: Info: sql\\(${plain.replaceAll(/[+*.]/g, '\\$&')},198.51.100.7,<`))
    t.equal(line.split(/[\n\r\u2028\u2029\u0085]/).length, 1)
  }
})

t.test('whatever else is logged is one line of its own', async t => {
  const json = {
    level: 'warn',
    time: 'now',
    user: 'a b\u2028',
    n: 3,
    list: ['x', 'y z'],
    msg: 'sql(x,198.51.100.9): Password mismatch',
  }
  t.equal(
    formatJsonLine(JSON.stringify(json)),
    'homing: Warning: sql (x,198.51.100.9): Password mismatch user="a b\\u2028" n=3 list=x,"y z"',
  )
})

t.test("the time is Dovecot's", async t => {
  t.equal(formatTimestamp(new Date(2026, 10, 5, 6, 7, 8)), 'Nov 05 06:07:08 ')
})
