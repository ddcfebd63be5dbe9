import t from 'tap'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import { compileTemplate } from '../../../src/model/variables.js'

const request: AuthRequest = {
  user: 'Anna@Example.org@x',
  originalUser: 'ANNA@Example.org@x',
  requestedLoginUser: 'bob@b.example',
  masterUser: 'root@m.example',
  protocol: 'imap',
  mechanism: 'PLAIN',
  secured: 'tls',
  remoteIp: '198.51.100.7',
  localIp: '192.0.2.1',
  realRemoteIp: '192.0.2.9',
  sessionId: 'x7',
  clientId: 'id',
  localName: 'mx.example',
}
const expand = (text: string, over: Partial<AuthRequest> = {}) =>
  compileTemplate(text, 'home').expand({ ...request, ...over })

t.test('variables have their values, under the names of Dovecot 2.3 and of 2.4', async t => {
  const values: Record<string, string> = {
    '%u': 'Anna@Example.org@x',
    '%n': 'Anna',
    '%d': 'Example.org@x',
    '%s': 'imap',
    '%l': '192.0.2.1',
    '%r': '198.51.100.7',
    '%m': 'PLAIN',
    '%c': 'TLS',
    '%%': '%',
    '%{user}': 'Anna@Example.org@x',
    '%{username}': 'Anna',
    '%{domain}': 'Example.org@x',
    '%{domain_first}': 'Example.org',
    '%{domain_last}': 'x',
    '%{service}/%{protocol}': 'imap/imap',
    '%{lip} %{local_ip}': '192.0.2.1 192.0.2.1',
    '%{rip} %{remote_ip}': '198.51.100.7 198.51.100.7',
    '%{real_rip} %{real_remote_ip}': '192.0.2.9 192.0.2.9',
    '%{mech}%{mechanism}': 'PLAINPLAIN',
    '%{session}': 'x7',
    '%{client_id}': 'id',
    '%{local_name}': 'mx.example',
    '%{master_user}': 'root@m.example',
    '%{login_user}:%{login_username}:%{login_domain}': 'bob@b.example:bob:b.example',
    '%{orig_user} %{original_user}': 'ANNA@Example.org@x ANNA@Example.org@x',
    '%{auth_user}': 'root@m.example',
  }
  for (const [template, value] of Object.entries(values)) t.equal(expand(template), value, template)
})

// All of these but those with a default of a text were read off static passdbs of Dovecot 2.3.19 and 2.4.1. The one
// difference: both cut between bytes and we between characters, so that no half of an ä is handed on.
t.test('a modifier or a filter changes the value, and several do so from left to right', async t => {
  const values: Record<string, string> = {
    '%Lu': 'anna@example.org@x',
    '%Un': 'ANNA',
    '%Rn': 'annA',
    '%LRn': 'anna',
    '%L{user}': 'anna@example.org@x',
    '%1n': 'A',
    '%1.2n': 'nn',
    '%-2.1n': 'n',
    '%-1n': 'A',
    '%2.-1n': 'n',
    '%1.n': 'nna',
    '%{user | username}': 'Anna',
    '%{user|domain|lower}': 'example.org@x',
    '%{user | username | upper | reverse}': 'ANNA',
    '%{user | username | substr(1, 2)}': 'nn',
    '%{user | username | substr(-2)}': 'na',
    '%{user | truncate(3)}': 'Ann',
    "%{user | index('@', 1)}": 'Example.org',
    "%{user | index('@', -1)}": 'x',
    "%{user | domain | default('local')}": 'Example.org@x',
    '/srv/%{user | domain | lower}/%Ln/Mail %%{user}': '/srv/example.org@x/anna/Mail %{user}',
  }
  for (const [template, value] of Object.entries(values)) t.equal(expand(template), value, template)
})

t.test('what is not known is empty, and default fills it from a text, a number or a variable', async t => {
  const unknown = { user: 'anna' }
  t.equal(expand('%d', unknown), '')
  t.equal(expand('%{domain_last}', unknown), '')
  t.equal(expand('%{user | domain | default}', unknown), '')
  t.equal(expand("%{user | domain | default('a b')}", unknown), 'a b')
  t.equal(expand('%{user | domain | default("a | b)")}', unknown), 'a | b)')
  t.equal(expand('%{user | domain | default(7)}', unknown), '7')
  t.equal(expand('%{user | domain | default(protocol) | upper}', unknown), 'IMAP')
})

t.test('a user name is data: variables and filters in it pass through byte for byte', async t => {
  for (const user of ['%{sha512:x}', '%u%n%d', '%%', '%{user | lower}', '$&$1', '{{x}}', '%Lu@%d']) {
    t.equal(expand('[%u]', { user }), `[${user}]`)
    t.equal(expand('[%{user | reverse | reverse}]', { user }), `[${user}]`)
  }
})

t.test('case is that of ASCII: Kelvin sign, dotless i and ß stay what they are', async t => {
  t.equal(expand('%Lu', { user: '\u212a\u0130\u00c4A' }), '\u212a\u0130\u00c4a')
  t.equal(expand('%Uu', { user: '\u0131\u00dfa' }), '\u0131\u00dfA')
})

t.test('hashes for directories are those of Dovecot 2.3', async t => {
  // Read off a static passdb of Dovecot 2.3.19 with these as extra fields.
  const vectors: [string, Record<string, string>][] = [
    [
      'Anna@Example.org@x',
      { '%Mu': 'e1a765192c4d6286c149666b770b91df', '%2.256Nu': '86', '%Nu': '2c4d6286', '%2.256Hu': '08' },
    ],
    [
      'änna@example.org',
      { '%Mu': 'af9c96051d2c837b32d28767edfdd820', '%2.256Nu': '7b', '%Hu': '4872587', '%2.256Hu': '87' },
    ],
    ['bob', { '%Nu': '70ef21ca', '%Hu': '6952', '%2.256Hu': '52', '%8.Hu': '00006952' }],
  ]
  for (const [user, values] of vectors) {
    for (const [template, value] of Object.entries(values))
      t.equal(expand(template, { user }), value, template)
  }
})

t.test('values are what the variables put in, filters applied', async t => {
  const template = compileTemplate('/srv/%{user | domain}/%Ln', 'home')
  t.same(template.values(request), ['Example.org@x', 'anna'])
  t.same(template.variables, ['user', 'username'])
  t.same(compileTemplate('none', 'home').variables, [])
})

t.test('what can never work is a ConfigError that names it', async t => {
  const mistakes: [string, RegExp][] = [
    ['%{usr}', /home: "%\{usr\}" uses the unknown variable %\{usr\} \(known: user, username, domain/],
    ['%x', /unknown variable %x/],
    ['%w', /unknown variable %w/],
    ['%{constructor}', /unknown variable %\{constructor\}/],
    ['%{user | shout}', /unknown filter shout \(known: lower, upper/],
    ['%{user | toString}', /unknown filter toString/],
    ['%Zu', /unknown modifier Z/],
    ['100%', /ends with a single % \(write %% for a percent sign\)/],
    ['%05n', /zero padding/],
    ['%{user', /no \} where it should/],
    ['%{}', /needs a variable name/],
    ['%{user | lower(1)}', /too many arguments/],
    ['%{user | substr}', /too few arguments/],
    ["%{user | substr('a')}", /needs a number/],
    ['%{user | default(nothing)}', /unknown variable %\{nothing\}/],
    ["%{user | default('x'}", /no \) where it should/],
    ['%{user lower}', /no \} where it should/],
  ]
  for (const [template, message] of mistakes) {
    t.throws(() => compileTemplate(template, 'home'), { code: 'ERR_CONFIG', message }, template)
  }
})
