// POST /oauth2/token: a form in, and out what Dovecot's oauth2 passdb reads rightly in both versions.

import t, { type Test } from 'tap'
import type { PassdbLookup } from '../../../src/model/passdb.js'
import { type Listener, openListener } from './listener.js'

const accounts = new Map([
  ['anna@example.org', '{PLAIN}secret'],
  ['bytes@example.org', '{PLAIN}sch\xf6n\xff'],
  ['jörg@example.org', '{PLAIN}secret'],
  ['odd@example.org', '{PLAIN}a b+c&d=e%f"\\'],
])

const form = (pairs: Record<string, string>) => new URLSearchParams(pairs).toString()
const login = (username: string, password: string) => form({ grant_type: 'password', username, password })
const good = login('anna@example.org', 'secret')
const verdict = (reply: object) => ({ access_token: '-', token_type: 'Bearer', passdb: '', ...reply })
const ok = (user: string, passdb = 'proxy=y\thost=h') => verdict({ active: true, user, passdb, result: 'ok' })
const mismatch = (user: string) => verdict({ active: false, user, result: 'password_mismatch' })
const unknown = (user: string) => verdict({ active: true, user: `!${user}`, result: 'user_unknown' })
const invalid = (error_description: string) => ({ error: 'invalid_request', error_description })
const twice = 'a parameter stands in the form twice'
const noHex = 'the form has a % without two hexadecimal digits behind it'

interface Row {
  readonly title: string
  readonly body: string | Buffer
  readonly headers?: Record<string, string>
  readonly status?: number
  readonly reply: unknown
}

const rows: readonly Row[] = [
  { title: 'the right password', body: good, reply: ok('anna@example.org') },
  {
    title: 'a name that the rules change is echoed as it came',
    body: login('Anna@Example.org', 'secret'),
    reply: ok('Anna@Example.org', 'user=anna@example.org\tproxy=y\thost=h'),
  },
  {
    title: 'a wrong password',
    body: login('anna@example.org', 'Secret'),
    reply: mismatch('anna@example.org'),
  },
  { title: 'an empty password', body: login('anna@example.org', ''), reply: mismatch('anna@example.org') },
  { title: 'nobody', body: login('nobody@example.org', 'secret'), reply: unknown('nobody@example.org') },
  { title: 'nobody whose name looks like nobody', body: login('!a', 'x'), reply: unknown('!a') },
  { title: 'an empty name', body: login('', 'secret'), reply: unknown('') },
  {
    title: 'a disabled account',
    body: login('disabled@example.org', 'secret'),
    reply: verdict({
      active: false,
      user: 'disabled@example.org',
      result: 'user_disabled',
      reason: 'Account is disabled',
    }),
  },
  {
    title: 'an expired password',
    body: login('expired@example.org', 'secret'),
    reply: verdict({
      active: false,
      user: 'expired@example.org',
      result: 'pass_expired',
      reason: 'Password expired',
    }),
  },
  {
    title: 'a database that is down',
    body: login('trouble@example.org', 'secret'),
    status: 503,
    reply: { error: 'temporarily_unavailable' },
  },
  {
    title: 'a scheme that nobody can compute',
    body: login('scheme@example.org', 'secret'),
    status: 503,
    reply: { error: 'temporarily_unavailable' },
  },
  {
    title: 'a field that may not leave',
    body: login('tab@example.org', 'secret'),
    status: 503,
    reply: { error: 'temporarily_unavailable' },
  },
  {
    title: 'a name in Unicode',
    body: login('jörg@example.org', 'secret'),
    reply: ok('jörg@example.org'),
  },
  {
    title: 'a name that is no UTF-8',
    body: 'grant_type=password&username=j%f6rg@example.org&password=secret',
    reply: unknown('j\ufffdrg@example.org'),
  },
  {
    title: 'a password that is no UTF-8',
    body: 'grant_type=password&username=bytes@example.org&password=sch%F6n%ff',
    reply: ok('bytes@example.org'),
  },
  {
    title: 'the same in bare bytes',
    body: Buffer.from('grant_type=password&username=bytes@example.org&password=sch\xf6n\xff', 'latin1'),
    reply: ok('bytes@example.org'),
  },
  {
    title: 'the same as UTF-8 is another password',
    body: login('bytes@example.org', 'schön\xff'),
    reply: mismatch('bytes@example.org'),
  },
  {
    title: 'a password of everything that a form escapes',
    body: login('odd@example.org', 'a b+c&d=e%f"\\'),
    reply: ok('odd@example.org'),
  },
  {
    title: 'a bare = in a value',
    body: `grant_type=password&username=odd@example.org&password=${encodeURIComponent('a b+c&d')}=e%25f%22\\`,
    reply: ok('odd@example.org'),
  },
  ...['\0', '\t', '\r', '\n', '\x01'].map(character => ({
    title: `a password with ${JSON.stringify(character)}`,
    body: login('anna@example.org', `secret${character}`),
    reply: unknown('anna@example.org'),
  })),
  {
    title: 'a name with NUL',
    body: login('anna@example.org\0x', 'secret'),
    reply: unknown('anna@example.org\0x'),
  },
  {
    title: 'a password of 10,000 bytes',
    body: login('anna@example.org', 'x'.repeat(10_000)),
    reply: mismatch('anna@example.org'),
  },
  {
    title: 'more than may be sent',
    body: login('anna@example.org', 'x'.repeat(70_000)),
    status: 413,
    reply: invalid('Request body is too large'),
  },
  { title: 'parameters that we do not know', body: `${good}&scope=mail&x=`, reply: ok('anna@example.org') },
  { title: 'empty pairs', body: `&&${good}&`, reply: ok('anna@example.org') },
  { title: 'a username twice', body: `${good}&username=b`, status: 400, reply: invalid(twice) },
  {
    title: 'a password twice, once escaped',
    body: `${good}&p%61ssword=b`,
    status: 400,
    reply: invalid(twice),
  },
  { title: 'half an escape', body: `${good}&x=%4`, status: 400, reply: invalid(noHex) },
  { title: 'no hexadecimal digits', body: `${good}&x=%zz`, status: 400, reply: invalid(noHex) },
  { title: 'no body', body: '', status: 400, reply: invalid('grant_type is missing') },
  {
    title: 'another grant',
    body: 'grant_type=refresh_token&refresh_token=-',
    status: 400,
    reply: { error: 'unsupported_grant_type', error_description: 'grant_type must be password' },
  },
  {
    title: 'no username',
    body: 'grant_type=password&password=x',
    status: 400,
    reply: invalid('username is missing'),
  },
  {
    title: 'no password',
    body: 'grant_type=password&username=anna@example.org',
    status: 400,
    reply: invalid('password is missing'),
  },
  {
    title: 'JSON',
    body: '{}',
    headers: { 'content-type': 'application/json' },
    status: 415,
    reply: invalid('Unsupported Media Type'),
  },
  {
    title: 'an address that is none',
    body: good,
    headers: { 'x-dovecot-auth-remote': 'somewhere:143' },
    status: 400,
    reply: invalid('X-Dovecot-Auth-Remote is not an address'),
  },
]

t.test('every form gets its exact answer', async t => {
  const listener = await open(t, { usernameChars: '' })
  for (const { title, body, headers, status = 200, reply } of rows) {
    t.same(await post(listener, body, headers), { status, reply }, title)
    t.same(
      await post(listener, good),
      { status: 200, reply: ok('anna@example.org') },
      'and the next is answered',
    )
  }
  t.same(listener.bugs, [])
})

t.test('the engine is told what Dovecot tells', async t => {
  const listener = await open(t)
  const asked = async (headers: Record<string, string>) => {
    await post(listener, good, headers)
    const { protocol, mechanism, remoteIp } = listener.events.at(-1) ?? {}
    return { protocol, mechanism, remoteIp }
  }
  t.same(
    await asked({
      'x-dovecot-auth-service': 'IMAP',
      'x-dovecot-auth-local': '192.0.2.1:143',
      'x-dovecot-auth-remote': '198.51.100.7:40000',
    }),
    { protocol: 'imap', mechanism: 'PLAIN', remoteIp: '198.51.100.7' },
    '2.3',
  )
  t.same(
    await asked({ 'x-dovecot-auth-protocol': 'pop3', 'x-dovecot-auth-remote': '[2001:db8::7]:40000' }),
    { protocol: 'pop3', mechanism: 'PLAIN', remoteIp: '2001:db8::7' },
    '2.4',
  )
  t.match(await asked({ 'x-dovecot-auth-remote': '2001:db8::7' }), { remoteIp: '2001:db8::7' })
  t.match(await asked({ 'x-dovecot-auth-remote': '192.0.2.9' }), { remoteIp: '192.0.2.9' })
  t.same(await asked({}), { protocol: '', mechanism: 'PLAIN', remoteIp: undefined })
})

t.test('who is no client of ours learns nothing', async t => {
  const refused = { status: 401, reply: { error: 'invalid_client' } }
  const client = (client_id: string, client_secret: string) => `${good}&${form({ client_id, client_secret })}`
  const basic = (id: string, secret: string) => ({
    authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
  })
  const secrets = {
    'the api_token': { api_token: 'o+p&n s\xe4' },
    'a secret of its own': { api_token: 'another', oauth2_client_secret: 'o+p&n s\xe4' },
  }
  for (const [title, settings] of Object.entries(secrets)) {
    const listener = await open(t, { settings: { ...settings, oauth2_client_id: 'mx1' } })
    const right = { status: 200, reply: ok('anna@example.org') }
    t.same(await post(listener, client('mx1', 'o+p&n s\xe4')), right, `${title} in the form`)
    t.same(await post(listener, good, basic('mx1', 'o+p&n s\xe4')), right, `${title} as Basic`)
    for (const body of [
      good,
      client('mx1', ''),
      client('', 'o+p&n s\xe4'),
      client('mx1', 'o+p&n s'),
      client('mx1o', '+p&n s\xe4'),
    ])
      t.same(await post(listener, body), refused, title)
    for (const header of [
      basic('mx1', 'wrong'),
      basic('mx2', 'o+p&n s\xe4'),
      { authorization: 'Basic b3BlbiBzZXNhbWU=' },
    ])
      t.same(await post(listener, good, header), refused, title)
    t.same(await post(listener, 'token=-', {}, '/oauth2/introspect'), refused)
    t.equal(listener.events.length, 2, 'the engine was asked for the right ones only')
    t.equal(
      (await fetch(`${listener.url}/v1/userdb/users`)).status,
      401,
      'and the other routes want the token',
    )
  }
})

t.test('an old secret and a new one are right for as long as both are set', async t => {
  const listener = await open(t, { settings: { api_token: 'old one\n\n \nnew one \n' } })
  const client = (client_secret: string) =>
    post(listener, `${good}&${form({ client_id: 'dovecot', client_secret })}`)
  for (const secret of ['old one', 'new one', 'new one '])
    t.match(await client(secret), { status: 200 }, secret)
  for (const secret of ['', ' ', 'old one\n\n \nnew one \n', 'another'])
    t.match(await client(secret), { status: 401 })
})

t.test('introspection knows no token, and calls nobody a wrong one for a setting', async t => {
  const listener = await open(t)
  const introspect = (body: string) => post(listener, body, {}, '/oauth2/introspect')
  t.same(await introspect('token=abc'), { status: 200, reply: { active: false } })
  t.match(await introspect('token=-'), { status: 400, reply: { error: 'invalid_request' } })
  t.same(await introspect(''), { status: 400, reply: invalid('token is missing') })
})

t.test('an exception is a temporary failure and is reported', async t => {
  const broken = await openListener(() => {
    throw new Error('a bug in a driver')
  })
  t.teardown(() => broken.close())
  t.same(await post(broken, good), { status: 503, reply: { error: 'temporarily_unavailable' } })
  t.match(broken.events, [{ result: 'internal_failure', cause: { message: 'a bug in a driver' } }])
})

t.test('a reply is not to be kept on the way', async t => {
  const listener = await open(t)
  const response = await fetch(`${listener.url}/oauth2/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: good,
  })
  t.equal(response.headers.get('cache-control'), 'no-store')
  t.match(response.headers.get('content-type'), /^application\/json/)
})

async function post(
  listener: Listener,
  body: string | Buffer,
  headers: Record<string, string> = {},
  path = '/oauth2/token',
): Promise<{ status: number; reply: unknown }> {
  const response = await fetch(`${listener.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
  })
  return { status: response.status, reply: await response.json() }
}

async function open(t: Test, settings: Parameters<typeof openListener>[1] = {}): Promise<Listener> {
  const listener = await openListener(lookup, settings)
  t.teardown(() => listener.close())
  return listener
}

const otherwise: Readonly<Record<string, PassdbLookup>> = {
  'disabled@example.org': { result: 'user_disabled' },
  'expired@example.org': { result: 'pass_expired' },
  'trouble@example.org': { result: 'internal_failure' },
  'scheme@example.org': { result: 'scheme_not_available' },
  'tab@example.org': {
    result: 'ok',
    credentials: { stored: '{PLAIN}secret' },
    fields: new Map([['host', 'h\tnopassword=y']]),
  },
}

function lookup(user: string): PassdbLookup {
  const other = otherwise[user]
  if (other) return other
  const stored = accounts.get(user)
  if (stored === undefined) return { result: 'user_unknown' }
  return {
    result: 'ok',
    credentials: { stored },
    fields: new Map([
      ['proxy', 'y'],
      ['host', 'h'],
    ]),
  }
}
