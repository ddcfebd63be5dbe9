import t from 'tap'
import { parseDictKey } from '../../../src/protocols/dict/dict-key.js'

const anna = { user: 'anna@example.org', protocol: '', secured: 'none' as const }
const request = { ask: 'passdb', request: anna, isDelivery: false }

t.test('a short key names the user, and the password if there is one', async t => {
  const user = 'anna@example.org'
  t.same(parseDictKey('shared/passdb/anna@example.org', user), request)
  t.same(parseDictKey('shared/passdb/anna@example.org', undefined), request, 'before 2.3.17')
  t.same(parseDictKey('shared/userdb/anna@example.org', user), { ask: 'userdb', request: anna })
  t.same(parseDictKey('shared/userdb/anna@example.org', ''), { ask: 'userdb', request: anna })
  for (const password of ['secret', '', 'a/b', '/', 's3 c/ret%w', 'x/password=y', 'user=x']) {
    for (const commandUser of [user, undefined]) {
      const key = `shared/passdb/${user}/${password}`
      t.same(parseDictKey(key, commandUser), { ...request, password: Buffer.from(password) }, key)
    }
  }
})

t.test('a long key tells what Dovecot knows', async t => {
  const key =
    'shared/passdb/service=IMAP/rip=198.51.100.7/lip=192.0.2.1/lport=993/real_lip=192.0.2.8' +
    '/real_rip=2001:db8::1/mech=plain/secured=TLS' +
    '/local_name=mail.example.org/client_id=/session=a/b+c/master_user=/user=anna@example.org'
  const full = {
    ...anna,
    protocol: 'imap',
    secured: 'tls',
    mechanism: 'PLAIN',
    remoteIp: '198.51.100.7',
    localIp: '192.0.2.1',
    localPort: 993,
    realLocalIp: '192.0.2.8',
    realRemoteIp: '2001:db8::1',
    localName: 'mail.example.org',
    sessionId: 'a/b+c',
  }
  for (const user of [anna.user, undefined]) {
    t.same(parseDictKey(key, user), { ask: 'passdb', request: full, isDelivery: false })
    t.same(parseDictKey(`${key}/password=`, user), {
      ask: 'passdb',
      request: full,
      isDelivery: false,
      password: Buffer.alloc(0),
    })
    const password = 'a/user=eve/password=b'
    t.same(parseDictKey(`${key}/password=${password}`, user), {
      ask: 'passdb',
      request: full,
      isDelivery: false,
      password: Buffer.from(password),
    })
  }
  t.same(parseDictKey('shared/passdb/master_user=boss/user=anna@example.org/password=x', anna.user), {
    ask: 'passdb',
    request: { ...anna, masterUser: 'boss' },
    isDelivery: false,
    password: Buffer.from('x'),
  })
})

t.test('only a key that says that there is no mechanism is a delivery', async t => {
  t.match(parseDictKey('shared/passdb/service=lmtp/mech=/user=anna', 'anna'), { isDelivery: true })
  t.match(parseDictKey('shared/passdb/service=lmtp/user=anna', 'anna'), { isDelivery: false })
  t.match(parseDictKey('shared/passdb/anna', 'anna'), { isDelivery: false })
})

t.test('bytes that are no UTF-8 make a name that nobody has, and stay in a password', async t => {
  t.match(parseDictKey('shared/passdb/caf\xc3\xa9', 'caf\xc3\xa9'), { request: { user: 'café' } })
  t.match(parseDictKey('shared/passdb/\xff', '\xff'), { request: { user: '\ufffd' } })
  t.match(parseDictKey('shared/passdb/anna/\xe4\xff', 'anna'), { password: Buffer.from([0xe4, 0xff]) })
})

t.test('a user whose name holds separators is told from the password by the command', async t => {
  const { request, password } = parseDictKey('shared/passdb/a/b/c', 'a/b') as never
  t.match(request, { user: 'a/b' })
  t.equal(String(password), 'c')
  t.match(parseDictKey('shared/passdb/a/b', 'a/b'), { request: { user: 'a/b' } })
})

t.test('no client gets another user, address or password asked than their own', async t => {
  const refused = { ask: 'nothing' }
  t.match(parseDictKey('shared/passdb/eve', 'anna'), refused)
  t.match(parseDictKey('shared/passdb/annabel', 'anna'), refused)
  t.match(parseDictKey('shared/passdb/annabel/x', 'anna'), refused)
  t.match(parseDictKey('shared/userdb/eve', 'anna'), refused)
  t.match(parseDictKey('shared/userdb/service=imap/user=eve', 'anna'), refused)
  // A session id, or a server name, that a client chose.
  t.match(parseDictKey('shared/passdb/session=x/user=eve/user=anna/password=y', 'anna'), refused)
  t.match(
    parseDictKey('shared/passdb/rip=203.0.113.1/local_name=x/rip=127.0.0.1/user=anna', 'anna'),
    { ask: 'passdb', request: { remoteIp: '203.0.113.1' } },
    'the first address counts',
  )
})

t.test('a key that is not understood is trouble and never an unknown user', async t => {
  for (const key of [
    '',
    'priv/quota/storage',
    'shared/',
    'shared/passdb',
    'shared/pasdb/anna',
    'shared/passdb/rip=x/user=anna',
    'shared/passdb/rip=1.2.3.4',
    'shared/passdb/service=imap/anna',
    'shared/passdb/anna',
  ]) {
    t.match(parseDictKey(key, 'ann'), { ask: 'nothing', why: String }, key)
  }
})
