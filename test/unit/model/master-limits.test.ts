import t from 'tap'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import { checkMasterLimits, expiryOf } from '../../../src/model/master-limits.js'

const request: AuthRequest = {
  user: 'admin@example.org',
  originalUser: 'admin@example.org',
  protocol: 'imap',
  secured: 'tls',
  remoteIp: '192.0.2.7',
}
const NOW = Date.UTC(2027, 0, 31, 12) / 1000

function verdict(
  limits: Readonly<Record<string, string>>,
  over: Partial<AuthRequest> = {},
  user = 'anna@example.org',
): 'allowed' | 'refused' | 'malformed' {
  const said = checkMasterLimits(new Map(Object.entries(limits)), { ...request, ...over }, user, NOW)
  if (said === undefined) return 'allowed'
  return 'malformed' in said ? 'malformed' : 'refused'
}

t.test('a master without limits may be everybody from everywhere', async t => {
  t.equal(verdict({}), 'allowed')
  t.equal(verdict({}, { protocol: '', remoteIp: undefined } as object, 'nodomain'), 'allowed')
})

t.test('domains hold the user who is wanted', async t => {
  const of = (domains: string, user: string) => verdict({ master_domains: domains }, {}, user)
  t.equal(of('example.org', 'anna@example.org'), 'allowed')
  t.equal(of('example.com, Example.ORG', 'anna@example.org'), 'allowed', 'a list, whatever the case')
  t.equal(of('*.example.org', 'anna@sub.example.org'), 'allowed')
  t.equal(of('*.example.org', 'anna@example.org'), 'refused')
  t.equal(of('example.org', 'anna@example.org.evil.test'), 'refused')
  t.equal(of('example.org', 'anna@evil.test@example.org'), 'refused', 'the domain is all after the first @')
  t.equal(of('*', 'nodomain'), 'refused', 'who has no domain is in none')
})

t.test('protocols hold the one that is spoken', async t => {
  const by = (protocols: string, protocol: string) => verdict({ master_protocols: protocols }, { protocol })
  t.equal(by('imap pop3', 'imap'), 'allowed')
  t.equal(by('IMAP', 'imap'), 'allowed')
  t.equal(by('imap', 'pop3'), 'refused')
  t.equal(by('imap', ''), 'refused', 'a caller that does not say is not believed')
  t.equal(by('managesieve', 'sieve'), 'allowed', 'one protocol, two names')
})

t.test('networks hold the client, or the connection', async t => {
  const nets = { allow_nets: '192.0.2.0/24 2001:db8::/32' }
  t.equal(verdict(nets), 'allowed')
  t.equal(verdict(nets, { remoteIp: '::ffff:192.0.2.9' }), 'allowed')
  t.equal(verdict(nets, { remoteIp: '198.51.100.1' }), 'refused')
  t.equal(verdict(nets, { remoteIp: undefined } as object), 'refused', 'no address is no permission')
  const real = { allow_real_nets: '192.0.2.1' }
  t.equal(verdict(real, { realRemoteIp: '192.0.2.1', remoteIp: '203.0.113.5' }), 'allowed')
  t.equal(verdict(real, { realRemoteIp: '203.0.113.5', remoteIp: '192.0.2.1' }), 'refused')
})

t.test('a date counts to its end, in UTC', async t => {
  t.equal(verdict({ master_expires: '2027-01-31' }), 'allowed')
  t.equal(verdict({ master_expires: '2027-01-30' }), 'refused')
  t.equal(verdict({ master_expires: '2027-01-31 12:00:00' }), 'refused')
  t.equal(verdict({ master_expires: '2027-01-31T12:00:01Z' }), 'allowed')
  t.equal(verdict({ master_expires: '2027-01-31T14:00:00+02:00' }), 'refused')
  t.equal(verdict({ master_expires: '2027-01-31 12:00:01.000' }), 'allowed', 'as a DATETIME column prints it')
})

t.test('what cannot be read is malformed, and never unlimited', async t => {
  for (const limits of [
    { master_domains: '' },
    { master_domains: ' , ' },
    { master_domains: 'anna@example.org' },
    { master_protocols: '' },
    { master_protocols: '143' },
    { allow_nets: '' },
    { allow_nets: '192.0.2.0/33' },
    { allow_nets: '192.0.2.0/24, office' },
    { allow_real_nets: '10.0.0' },
    { master_expires: '' },
    { master_expires: 'never' },
    { master_expires: '31.1.2028' },
    { master_expires: '2028-02-30' },
    { master_expires: '2028-13-01' },
    { master_expires: '0000-00-00' },
    { master_expires: '2028-01-31 25:00:00' },
    { master_expires: '1830000000' },
  ])
    t.equal(verdict(limits), 'malformed', JSON.stringify(limits))
})

t.test('a malformed network is told even where another one holds the client', async t => {
  t.equal(verdict({ allow_nets: '192.0.2.0/24 x' }), 'malformed')
})

t.test('expiryOf reads leap days and no others', async t => {
  t.equal(expiryOf('2028-02-29'), Date.UTC(2028, 2, 1) / 1000)
  t.equal(expiryOf('2027-02-29'), undefined)
})
