import t from 'tap'
import { checkFields, withoutUntrueFlags } from '../../../src/model/field-firewall.js'

const check = (fields: Record<string, string> | [string, string][]) =>
  checkFields(new Map(Array.isArray(fields) ? fields : Object.entries(fields)))
const stoppedBy = (fields: Record<string, string> | [string, string][]) => {
  const checked = check(fields)
  return 'stopped' in checked ? checked.stopped : undefined
}
const passing = (fields: Record<string, string>) => {
  const checked = check(fields)
  return 'fields' in checked ? Object.fromEntries(checked.fields) : checked
}

t.test('a sound reply passes as it is', async t => {
  const fields = new Map(
    Object.entries({
      proxy: 'y',
      host: 'backend1.example.com',
      port: '143',
      starttls: 'any-cert',
      nodelay: 'Y',
      destuser: 'änna',
      pass: ' s3 cret=%u',
      proxy_timeout: '5 secs',
      delay_until: '1700000000+5',
      allow_nets: '192.0.2.0/24,2001:db8::/32',
      hostip: '2001:db8::1',
      userdb_uid: '5000',
      userdb_gid: 'vmail',
      userdb_home: '/srv/mail/anna',
      forward_tenant: 't1',
      my_field: 'no',
    }),
  )
  const checked = checkFields(fields)
  t.ok('fields' in checked && checked.fields === fields, 'the same map, not a copy')
  t.same(check({}), { fields: new Map() })
})

t.test('a field that is not true is left out, since Dovecot reads presence as truth', async t => {
  const flags = ['proxy', 'ssl', 'starttls', 'nologin', 'nodelay', 'nopassword', 'proxy_nopipelining', 'fail']
  for (const flag of flags) {
    for (const no of ['no', 'No', 'n', 'false', 'FALSE', '0', 'off', '']) {
      t.same(passing({ [flag]: no, host: 'b1' }), { host: 'b1' }, `${flag}=${no}`)
    }
    t.same(passing({ [flag]: 'yes', host: 'b1' }), { [flag]: 'yes', host: 'b1' })
  }
  t.same(passing({ destuser: '', pass: '', forward_x: '', anything: '' }), {}, 'empty is absent')
})

t.test('a name that could break out of its field stops the reply', async t => {
  const names = ['', 'a\tb', 'a\nb', 'a=b', 'a b', 'a:b', 'ä', 'a\0', 'a-b', 'a.b', '$', 'a'.repeat(65)]
  for (const name of names)
    t.match(stoppedBy([[name, 'x']]), /has a name that no field can have$/, JSON.stringify(name))
  t.notMatch(stoppedBy([['a\nb', 'x']]), /\n/, 'nor does it break the log line')
  t.equal((stoppedBy([['a'.repeat(70000), 'x']]) ?? '').length < 200, true)
})

t.test('reserved names stop the reply', async t => {
  for (const name of [
    '__proto__',
    'constructor',
    'original_user',
    'auth_user',
    'resp',
    'passdb_import',
    'userdb_',
  ]) {
    t.equal(stoppedBy([[name, 'x']]), `field "${name}" is reserved`)
  }
})

t.test('a value that could break out of its field stops the reply, and is not told', async t => {
  for (const bad of ['a\tproxy=y\thost=evil', 'a\nb', 'a\rb', 'a\0b', 'a\x01b', 'a\x7fb', '\t']) {
    t.equal(stoppedBy({ pass: bad }), 'field "pass" holds a control character')
  }
  t.equal(stoppedBy({ home: '/srv/\ufffd' }), 'field "home" holds bytes that are not UTF-8')
  t.equal(stoppedBy({ home: '/srv/\ud800' }), 'field "home" holds bytes that are not UTF-8')
  t.equal(stoppedBy({ forward_x: 't1\tproxy=y' }), 'field "forward_x" holds a control character')
})

t.test('typed fields hold what their type allows', async t => {
  const wrong: Record<string, string[]> = {
    port: ['', '0', '65536', '143.0', '1e3', '-1', '+143', ' 143', '0x8f', '143a', '00143', '١٤٣'],
    host: ['', ' ', 'a b', 'a/b', 'a\u00a0b', 'a'.repeat(256)],
    hostip: ['backend1', '192.0.2', '192.0.2.1 '],
    source_ip: ['proxy1'],
    starttls: ['none', 'ssl', 'maybe', '2'],
    ssl: ['none', 'starttls', 'any_cert'],
    proxy_timeout: ['', 'soon', '-1', '1.5'],
    delay_until: ['', 'tomorrow', '1+', '-1'],
    uid: ['', '-1', '4294967295', '1.5', 'a b', '5000 '],
    userdb_gid: ['1,2'],
    user: [''],
    allow_nets: [''],
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const reason = stoppedBy({ [name]: value })
      t.match(reason, new RegExp(`^field "${name}" (?:must|is)`), `${name}=${value}`)
    }
  }
})

t.test('proxy without a host stops the reply: it must not become a local login', async t => {
  t.equal(stoppedBy({ proxy: 'y' }), 'field "proxy" needs a field "host"')
  t.equal(stoppedBy({ proxy_maybe: 'y', port: '143' }), 'field "proxy" needs a field "host"')
})

t.test('forwarded fields keep the limits of the way they travel', async t => {
  t.equal(stoppedBy({ forward_abcdefghijklmnopqrst: 'x' }), undefined)
  t.match(stoppedBy({ forward_abcdefghijklmnopqrstu: 'x' }), /1 to 20 characters after forward_/)
  t.match(stoppedBy({ forward_: 'x' }), /1 to 20 characters after forward_/)
  t.equal(stoppedBy({ forward_x: 'x'.repeat(1024) }), undefined)
  t.match(stoppedBy({ forward_x: 'ä'.repeat(513) }), /longer than 1024 bytes/)
})

t.test('a reply that would not fit into a line of Dovecot stops', async t => {
  t.equal(stoppedBy({ a: 'x'.repeat(7165) }), undefined)
  t.equal(stoppedBy({ a: 'x'.repeat(7166) }), 'the fields are 7169 bytes together, over 7168')
  t.match(stoppedBy({ a: 'x'.repeat(65536) }), /together, over 7168/)
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field_${i}`, 'x']))
  t.match(stoppedBy(many), /together, over 7168/)
})

t.test('whatever a row holds, what passes is safe to write as TAB-separated pairs', async t => {
  const alphabet = [
    'a',
    'Z',
    '_',
    '=',
    '\t',
    '\n',
    '\0',
    '\x01',
    ' ',
    'ä',
    '\ud800',
    '0',
    'no',
    'proxy',
    'host',
    ':',
  ]
  let seed = 1
  const next = (bound: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return (seed >>> 8) % bound
  }
  const word = () => Array.from({ length: next(6) }, () => alphabet[next(alphabet.length)] ?? '').join('')
  let passed = 0
  for (let i = 0; i < 20000; i++) {
    const fields = new Map(Array.from({ length: 1 + next(4) }, () => [word(), word()] as const))
    const checked = checkFields(fields)
    if ('stopped' in checked) {
      if (/[\x00-\x1f]/.test(checked.stopped)) t.fail(`a reason breaks its log line: ${checked.stopped}`)
      continue
    }
    passed++
    for (const [name, value] of checked.fields) {
      if (!/^\w{1,64}$/.test(name) || value === '' || /[\x00-\x1f\x7f]/.test(value))
        t.fail(JSON.stringify([name, value]))
    }
  }
  t.ok(passed > 100, `${passed} passed`)
})

t.test('a flag that says no is no flag, whatever asks for its presence', async t => {
  const fields = new Map(
    Object.entries({ nopassword: 'no', proxy: '0', nodelay: 'y', note: 'no', allow_nets: '' }),
  )
  t.same(Object.fromEntries(withoutUntrueFlags(fields)), { nodelay: 'y', note: 'no', allow_nets: '' })
})

t.test('a password is no field, whoever set it', async t => {
  const checked = checkFields(
    new Map([
      ['password', '{PLAIN}x'],
      ['password_noscheme', 'x'],
      ['nodelay', 'y'],
    ]),
  )
  t.same(checked, { fields: new Map([['nodelay', 'y']]) })
})
