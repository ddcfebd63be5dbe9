import { Writable } from 'node:stream'
import { pino } from 'pino'
import t from 'tap'
import type { AuthEvent } from '../../../src/model/auth-event.js'
import { formatJsonEvent } from '../../../src/telemetry/json-event.js'

const anna: AuthEvent = {
  question: 'verify',
  result: 'ok',
  user: 'anna@example.org',
  originalUser: 'anna@example.org',
  protocol: '',
  trace: [],
  ms: 1.23456,
}

const time = '2026-01-02T03:04:05.678Z'

/** What pino makes of the same. */
function byPino(fields: Record<string, unknown>, message: string): string {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  const formatters = { level: (label: string) => ({ level: label }) }
  pino({ base: null, timestamp: () => `,"time":"${time}"`, formatters }, stream).info(fields, message)
  return text
}

t.test('a login is the line that pino would write', async t => {
  t.equal(
    formatJsonEvent('info', time, anna),
    byPino({ result: 'ok', user: 'anna@example.org', passdbs: '', ms: 1.23 }, 'verify: ok'),
  )
})

t.test('everything that is known of it stands in the line', async t => {
  const cause = Object.assign(new Error('lost', { cause: 'the cable' }), { code: 'ECONNRESET' })
  const event: AuthEvent = {
    ...anna,
    question: 'lookup',
    result: 'internal_failure',
    originalUser: 'Anna@Example.org*chief',
    masterUser: 'chief',
    protocol: 'imap',
    mechanism: 'PLAIN',
    remoteIp: '2001:db8::1',
    sessionId: 'a/b+c',
    reason: 'the database is down',
    cause,
    trace: [
      { passdb: 'proxied', driver: 'sql', result: 'next', cache: 'none', ms: 1 },
      { passdb: 'local', driver: 'sql', result: 'ok', cache: 'stale', ms: 1, reason: 'why' },
    ],
  }
  t.strictSame(JSON.parse(formatJsonEvent('warn', time, event)), {
    level: 'warn',
    time,
    result: 'internal_failure',
    user: 'anna@example.org',
    original_user: 'Anna@Example.org*chief',
    master_user: 'chief',
    protocol: 'imap',
    mechanism: 'PLAIN',
    remote_ip: '2001:db8::1',
    session: 'a/b+c',
    reason: 'the database is down',
    cause: { name: 'Error', message: 'lost', code: 'ECONNRESET', cause: 'the cable' },
    passdbs: 'proxied:next local:ok/stale',
    stale: 'why',
    ms: 1.23,
    msg: 'lookup: internal_failure',
  })
})

t.test('no name breaks out of its line', async t => {
  const names = [
    '',
    '"',
    '\\',
    '\n',
    '\r\n{"level":"info"}',
    '\u0000',
    '\u2028',
    '\ud800',
    'ä',
    '\x7f',
    '😀',
    '","user":"x',
  ]
  for (const user of names) {
    const name = Buffer.from(user, 'utf16le').toString('hex')
    const line = formatJsonEvent('info', time, { ...anna, user, originalUser: user, sessionId: user })
    t.equal(line.indexOf('\n'), line.length - 1, `one line with ${name}`)
    const read = JSON.parse(line) as Record<string, unknown>
    t.strictSame([read.user, read.session], [user, user], `read back as ${name}`)
  }
})
