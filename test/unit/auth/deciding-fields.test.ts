import t from 'tap'
import { refusalByFields, withoutPastDelay } from '../../../src/auth/deciding-fields.js'
import type { AuthRequest } from '../../../src/model/auth-request.js'

const now = 1_800_000_000

t.test('fields that decide nothing refuse nobody', async t => {
  t.equal(refusal({}), undefined)
  t.equal(refusal({ proxy: 'y', host: 'backend1' }), undefined)
})

t.test('the presence of fail refuses, whatever its value', async t => {
  t.ok(refusal({ fail: 'no' }))
  t.ok(refusal({ fail: '' }))
})

t.test('allow_nets lets in who is in one of its networks', async t => {
  const allow_nets = '192.0.2.0/24, 2001:db8::/32 198.51.100.7'
  t.equal(refusal({ allow_nets }, { remoteIp: '192.0.2.200' }), undefined)
  t.equal(refusal({ allow_nets }, { remoteIp: '2001:db8:1::1' }), undefined)
  t.equal(refusal({ allow_nets }, { remoteIp: '198.51.100.7' }), undefined)
  t.equal(refusal({ allow_nets }, { remoteIp: '::ffff:192.0.2.9' }), undefined, 'mapped IPv4 is IPv4')
  t.ok(refusal({ allow_nets }, { remoteIp: '198.51.100.8' }))
  t.ok(refusal({ allow_nets }, { remoteIp: '2001:db9::1' }))
})

t.test('allow_nets refuses a caller without an address unless it says local', async t => {
  t.ok(refusal({ allow_nets: '192.0.2.0/24' }))
  t.equal(refusal({ allow_nets: '192.0.2.0/24,local' }), undefined)
  t.ok(refusal({ allow_nets: 'local' }, { remoteIp: '192.0.2.1' }), 'local is for no address only')
})

t.test('an entry of allow_nets that is no network matches nobody', async t => {
  for (const allow_nets of ['', 'example.org', '192.0.2.0/33', '192.0.2.0/x', '192.0.2.0/', '300.0.0.0/8']) {
    t.ok(refusal({ allow_nets }, { remoteIp: '192.0.2.1' }), JSON.stringify(allow_nets))
  }
  t.equal(refusal({ allow_nets: 'junk 0.0.0.0/0' }, { remoteIp: '192.0.2.1' }), undefined)
})

t.test('allow_real_nets looks at the real address, the remote one when no proxy stands between', async t => {
  const fields = { allow_real_nets: '10.0.0.0/8' }
  t.equal(refusal(fields, { remoteIp: '192.0.2.1', realRemoteIp: '10.1.1.1' }), undefined)
  t.ok(refusal(fields, { remoteIp: '10.1.1.1', realRemoteIp: '192.0.2.1' }))
  t.equal(refusal(fields, { remoteIp: '10.1.1.1' }), undefined)
})

t.test('delay_until may lie in the past and up to five minutes ahead', async t => {
  t.equal(refusal({ delay_until: String(now - 1000) }), undefined)
  t.equal(refusal({ delay_until: String(now + 300) }), undefined)
  t.equal(refusal({ delay_until: `${now + 290}+10` }), undefined)
  t.ok(refusal({ delay_until: String(now + 301) }))
  t.ok(refusal({ delay_until: `${now + 295}+10` }))
  t.ok(refusal({ delay_until: 'tomorrow' }))
})

t.test('a delay_until in the past does not leave', async t => {
  const past = new Map([
    ['delay_until', '1'],
    ['host', 'b'],
  ])
  t.same([...withoutPastDelay(past, now)], [['host', 'b']])
  const ahead = new Map([['delay_until', String(now + 5)]])
  t.equal(withoutPastDelay(ahead, now), ahead)
})

function refusal(fields: Record<string, string>, request: Partial<AuthRequest> = {}) {
  const base: AuthRequest = { user: 'anna', originalUser: 'anna', protocol: 'imap', secured: 'tls' }
  return refusalByFields(new Map(Object.entries(fields)), { ...base, ...request }, now)
}
