import t from 'tap'
import { type ProxyRow, proxyFields } from '../../../src/routing/proxy-fields.js'

const row: ProxyRow = { host: 'backend1.example.com', port: 143, ssl_mode: 'starttls', destuser: 'anna' }
const options = { anyCertificate: false, noPipelining: false }

const fieldsOf = (over: Record<string, string | number | null>, protocol = 'imap', with_ = options) => {
  const made = proxyFields({ ...row, ...over }, protocol, with_)
  return 'fields' in made ? Object.fromEntries(made.fields) : made
}

t.test('a row becomes the fields of the contract, in its order', async t => {
  const made = proxyFields(row, 'imap', options)
  t.same('fields' in made && [...made.fields], [
    ['proxy', 'y'],
    ['host', 'backend1.example.com'],
    ['port', '143'],
    ['starttls', 'yes'],
    ['nodelay', 'y'],
    ['destuser', 'anna'],
  ])
})

t.test('what is NULL or empty is absent', async t => {
  const bare = { proxy: 'y', host: 'b', starttls: 'yes', nodelay: 'y' }
  const nothing = {
    host: 'b',
    port: null,
    ssl_mode: null,
    destuser: null,
    pass: null,
    master: null,
    any_cert: null,
  }
  t.same(fieldsOf(nothing), bare)
  t.same(fieldsOf({ host: 'b', port: null, destuser: '', pass: '', master: '' }), bare)
  const fields = proxyFields({ host: 'b' }, 'imap', options)
  t.same('fields' in fields && Object.fromEntries(fields.fields), bare, 'a table without the columns')
})

t.test('each protocol has its own port, and no other gets the port of IMAP', async t => {
  const ports = { port: 1143, pop3_port: 1110, lmtp_port: 1024, submission_port: 1587, sieve_port: '4191' }
  const expected: Record<string, string | undefined> = {
    '': '1143',
    imap: '1143',
    IMAP: '1143',
    pop3: '1110',
    lmtp: '1024',
    submission: '1587',
    sieve: '4191',
    managesieve: '4191',
    doveadm: undefined,
    constructor: undefined,
  }
  for (const [protocol, port] of Object.entries(expected)) {
    t.match(fieldsOf(ports, protocol), { host: 'backend1.example.com', port }, protocol)
  }
  for (const protocol of ['pop3', 'lmtp', 'submission', 'sieve']) {
    t.notOk('port' in fieldsOf({ port: 143 }, protocol), `${protocol} without a port of its own`)
  }
})

t.test('encryption is a verified one unless the row or the setting says otherwise', async t => {
  const encryption = (over: Record<string, string | number | null>, anyCertificate = false) => {
    const { starttls, ssl } = fieldsOf(over, 'imap', { ...options, anyCertificate }) as Record<string, string>
    return { starttls, ssl }
  }
  const none = { starttls: undefined, ssl: undefined }
  t.same(encryption({ ssl_mode: 'starttls' }), { ...none, starttls: 'yes' })
  t.same(encryption({ ssl_mode: 'ssl' }), { ...none, ssl: 'yes' })
  t.same(encryption({ ssl_mode: 'none' }), none)
  t.same(encryption({ ssl_mode: null }), { ...none, starttls: 'yes' }, 'never silently plain')
  t.same(encryption({ ssl_mode: 'ssl', any_cert: 1 }), { ...none, ssl: 'any-cert' })
  t.same(encryption({ ssl_mode: 'ssl', any_cert: '1' }), { ...none, ssl: 'any-cert' })
  t.same(encryption({ ssl_mode: 'ssl', any_cert: 0 }), { ...none, ssl: 'yes' })
  t.same(encryption({ ssl_mode: 'ssl', any_cert: '0' }), { ...none, ssl: 'yes' })
  t.same(encryption({ ssl_mode: null }, true), { ...none, starttls: 'any-cert' })
  t.same(encryption({ ssl_mode: 'none' }, true), none)
})

t.test('the secret of a backend goes with its master, and pipelining is told when wanted', async t => {
  t.match(fieldsOf({ pass: 's3cret', master: 'proxy' }), { pass: 's3cret', master: 'proxy' })
  t.match(fieldsOf({}, 'imap', { ...options, noPipelining: true }), { proxy_nopipelining: 'y' })
})

t.test('a row that leads nowhere is a problem of that column, never a local login', async t => {
  const problems: [Record<string, string | number | null>, string, string][] = [
    [{ host: '' }, 'host', 'is empty'],
    [{ host: null }, 'host', 'is empty'],
    [{ host: 'a b' }, 'host', 'is no host name or address'],
    [{ host: 'b\tproxy=y' }, 'host', 'is no host name or address'],
    [{ port: 0 }, 'port', 'is no port from 1 to 65535'],
    [{ port: 65536 }, 'port', 'is no port from 1 to 65535'],
    [{ port: -1 }, 'port', 'is no port from 1 to 65535'],
    [{ port: 143.5 }, 'port', 'is no port from 1 to 65535'],
    [{ port: 'imap' }, 'port', 'is no port from 1 to 65535'],
    [{ port: '' }, 'port', 'is no port from 1 to 65535'],
    [{ ssl_mode: 'tls' }, 'ssl_mode', 'is none of none, starttls, ssl'],
    [{ ssl_mode: '' }, 'ssl_mode', 'is none of none, starttls, ssl'],
    [{ ssl_mode: 1 }, 'ssl_mode', 'is none of none, starttls, ssl'],
    [{ any_cert: 'maybe' }, 'any_cert', 'is neither yes nor no'],
  ]
  for (const [over, role, problem] of problems)
    t.same(fieldsOf(over), { problem, role }, JSON.stringify(over))
  t.same(fieldsOf({ pop3_port: 0 }, 'pop3'), { problem: 'is no port from 1 to 65535', role: 'pop3_port' })
  t.notOk('problem' in fieldsOf({ pop3_port: 0 }, 'imap'), 'the port of another protocol does not matter')
})
