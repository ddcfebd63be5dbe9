import t from 'tap'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import { judgeRoute } from '../../../src/routing/judge-route.js'

const request: AuthRequest = {
  user: 'anna@x',
  originalUser: 'anna@x',
  protocol: 'imap',
  secured: 'tls',
  localIp: '192.0.2.10',
  localPort: 143,
}
const lookedUpAs = (user: string) => (user.includes(' ') ? undefined : user.toLowerCase())
const self = new Set(['198.51.100.1', 'proxy.test'])

function verdict(
  route: Readonly<Record<string, string>>,
  over: Partial<AuthRequest> = {},
  addresses: readonly string[] | undefined = route.host === undefined ? undefined : [route.host],
): 'away' | 'loop' | 'here' | 'Dovecot decides' {
  const fields = new Map(Object.entries(route))
  const facts = { addresses, isSelf: (address: string) => self.has(address), lookedUpAs }
  const judged = judgeRoute(fields, { ...request, ...over }, facts)
  if ('stopped' in judged) return 'loop'
  if (!judged.fields.has('host')) return 'here'
  return judged.fields.has('proxy') ? 'away' : 'Dovecot decides'
}

const proxy = (more: Readonly<Record<string, string>>) => ({ proxy: 'y', ...more })
const maybe = (more: Readonly<Record<string, string>>) => ({ proxy_maybe: 'y', ...more })

t.test('a route to another server leads away', async t => {
  t.equal(verdict(proxy({ host: '203.0.113.5', port: '143' })), 'away')
  t.equal(verdict(proxy({ host: 'backend.test' }), {}, undefined), 'away', 'nobody has looked')
})

t.test('a route to ourselves with the same port and the same user is a loop', async t => {
  t.equal(
    verdict(proxy({ host: '192.0.2.10', port: '143' })),
    'loop',
    'by the address that the client came to',
  )
  t.equal(verdict(proxy({ host: '::ffff:192.0.2.10', port: '143' })), 'loop')
  t.equal(verdict(proxy({ host: '198.51.100.1' })), 'loop', 'by auth_proxy_self, the protocol’s own port')
  t.equal(verdict(proxy({ host: 'Proxy.test', port: '143' }), {}, undefined), 'loop', 'by name')
  t.equal(
    verdict(proxy({ host: 'alias.test' }), {}, ['203.0.113.5', '192.0.2.10']),
    'loop',
    'by what it resolves to',
  )
  t.equal(verdict(proxy({ host: '10.0.0.1' }), { realLocalIp: '10.0.0.1' }), 'loop', 'behind a balancer')
  t.equal(verdict(proxy({ host: '192.0.2.10', destuser: 'anna@x' })), 'loop')
  t.equal(verdict(proxy({ host: '192.0.2.10', ssl: 'yes' }), { localPort: 993 }), 'loop')
  t.equal(
    verdict(proxy({ host: '192.0.2.10', destuser: 'Anna@X' })),
    'loop',
    'the next hop looks up the same account',
  )
  const sixth = { localIp: '2001:db8::10' }
  t.equal(verdict(proxy({ host: '2001:DB8:0::10', port: '143' }), sixth), 'loop', 'however it is written')
  t.equal(verdict(proxy({ host: '2001:db8::11', port: '143' }), sixth), 'away')
})

t.test('another port or another user is none', async t => {
  t.equal(verdict(proxy({ host: '192.0.2.10', port: '10143' })), 'away', 'a backend on the same machine')
  t.equal(
    verdict(proxy({ host: '192.0.2.10', port: '143' }), { localPort: 993 }),
    'away',
    'Dovecot goes round once',
  )
  t.equal(verdict(proxy({ host: '192.0.2.10', destuser: 'anna@y' })), 'away')
  t.equal(verdict(proxy({ host: '192.0.2.10', destuser: 'an na@x' })), 'away', 'where nobody is looked up')
})

t.test('where the port of the client is not known the usual ones are ours', async t => {
  const unknown = { localPort: undefined } as object
  t.equal(verdict(proxy({ host: '192.0.2.10' }), unknown), 'loop')
  t.equal(verdict(proxy({ host: '192.0.2.10', port: '993', ssl: 'yes' }), unknown), 'loop')
  t.equal(verdict(proxy({ host: '192.0.2.10', port: '10143' }), unknown), 'away')
  t.equal(verdict(proxy({ host: '192.0.2.10' }), { protocol: 'doveadm', ...unknown }), 'away')
})

t.test('proxy_maybe is here when it is certain, and Dovecot’s to decide when not', async t => {
  t.equal(verdict(maybe({ host: '192.0.2.10' })), 'here')
  t.equal(verdict(maybe({ host: '198.51.100.1', port: '143' })), 'here')
  t.equal(verdict(maybe({ host: '198.51.100.1', port: '993' })), 'Dovecot decides')
  t.equal(
    verdict(maybe({ host: '198.51.100.1', port: '143' }), { localPort: undefined } as object),
    'Dovecot decides',
  )
  t.equal(verdict(maybe({ host: '203.0.113.5' })), 'Dovecot decides')
  t.equal(verdict(maybe({ host: 'backend.test' }), {}, undefined), 'Dovecot decides')
})

t.test('nothing of the route goes into a mailbox that is here', async t => {
  const route = new Map([
    ...['proxy_maybe', 'starttls', 'proxy_nopipelining', 'nodelay'].map(name => [name, 'y'] as const),
    ['host', '192.0.2.10'],
    ['destuser', 'other'],
    ['pass', 'secret'],
    ['master', 'm'],
    ['userdb_uid', '5000'],
  ])
  const judged = judgeRoute(route, request, { addresses: ['192.0.2.10'], isSelf: () => false, lookedUpAs })
  t.same('fields' in judged && [...judged.fields.keys()], ['nodelay', 'userdb_uid'])
})
