import t from 'tap'
import { createUsernameRules, type UsernameSettings } from '../../../src/model/username.js'

const defaults: UsernameSettings = {
  auth_username_format: '%Lu',
  auth_default_realm: '',
  auth_username_chars: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@',
  auth_username_translation: '',
}
const rules = (over: Partial<UsernameSettings> = {}) => createUsernameRules({ ...defaults, ...over })
const normalise = (name: string, over: Partial<UsernameSettings> = {}) => rules(over).normalise(name)

t.test('with the defaults a name is lowered and may hold what Dovecot allows', async t => {
  t.same(normalise('Anna@Example.ORG'), { user: 'anna@example.org' })
  t.same(normalise('a.b-c_d'), { user: 'a.b-c_d' })
  t.same(normalise('anna@x@y'), { user: 'anna@x@y' })
})

t.test('a character outside auth_username_chars is refused in the words of Dovecot', async t => {
  const refused: Record<string, string> = {
    "o'brien@x": '0x27',
    'a*b': '0x2a',
    'anna+tag@x': '0x2b',
    'a/b': '0x2f',
    'a b': '0x20',
    '"a"@x': '0x22',
    '%{sha512:x}': '0x25',
    'a\tb': '0x09',
    'a\0b': '0x00',
    'a\nb': '0x0a',
    'ä@x': '0xc3',
    '\u212aelvin@x': '0xe2',
  }
  for (const [name, byte] of Object.entries(refused)) {
    t.same(
      normalise(name),
      { refused: `Username character disallowed by auth_username_chars: ${byte}` },
      name,
    )
  }
})

t.test('the order is realm, translation, characters, format, emptiness', async t => {
  t.same(
    normalise('Anna', { auth_default_realm: 'Example.org' }),
    { user: 'anna@example.org' },
    'realm, then format',
  )
  t.same(normalise('anna@x', { auth_default_realm: 'example.org' }), { user: 'anna@x' })
  t.same(
    normalise('anna#x', { auth_username_translation: '#@' }),
    { user: 'anna@x' },
    'translation, then characters',
  )
  t.same(
    normalise('anna#x', { auth_username_translation: '#@', auth_default_realm: 'r' }),
    { user: 'anna@x@r' },
    'the realm is appended before # becomes @, as in Dovecot',
  )
  t.same(normalise('Anna@x', { auth_username_format: '%Ln' }), { user: 'anna' })
  t.same(normalise('Anna@x', { auth_username_format: '%{user | username | upper}' }), { user: 'ANNA' })
  t.same(normalise('Anna@X', { auth_username_format: '' }), { user: 'Anna@X' })
  t.same(normalise('@x', { auth_username_format: '%n' }), { refused: 'Empty username' }, 'emptiness last')
  t.same(normalise(''), { refused: 'Empty username' })
  t.same(normalise('', { auth_default_realm: 'example.org' }), { refused: 'Empty username' })
})

t.test('it is what a real Dovecot 2.3.19 made of the same names', async t => {
  // Read off `doveadm auth lookup` with a static passdb and these settings.
  const disallowed = (byte: string) => `Username character disallowed by auth_username_chars: ${byte}`
  const vectors: [Partial<UsernameSettings>, Record<string, string | { refused: string }>][] = [
    [
      { auth_default_realm: 'Realm.ORG', auth_username_translation: '#@' },
      {
        'Anna@Ex': 'anna@ex',
        Anna: 'anna@realm.org',
        'anna#x': 'anna@x@realm.org',
        'a@b@c': 'a@b@c',
        '@x': '@x',
      },
    ],
    [
      { auth_username_format: '%Ln', auth_username_chars: '' },
      { 'Anna@Ex': 'anna', 'a@b@c': 'a', ÄB: 'Äb', "o'b": "o'b", '@x': { refused: 'Empty username' } },
    ],
    [
      { auth_username_format: '%n@%Ld', auth_username_translation: '#@#+' },
      { 'Anna@Ex': 'Anna@ex', Anna: 'Anna@', 'anna#x': { refused: disallowed('0x2b') } },
    ],
  ]
  for (const [settings, names] of vectors) {
    for (const [name, user] of Object.entries(names)) {
      t.same(normalise(name, settings), typeof user === 'string' ? { user } : user, name)
    }
  }
})

t.test('with all characters allowed, control characters and broken Unicode are still refused', async t => {
  const all = { auth_username_chars: '' }
  for (const name of [
    "o'brien@x",
    'anna+tag@x',
    'a b',
    '%{sha512:x}',
    'ä@x',
    'a@x@y',
    '用户@例子',
    'a.@x.',
  ]) {
    t.same(normalise(name, all), { user: name }, name)
  }
  t.same(normalise('a\0b', all), { refused: 'Username contains a control character: 0x00' })
  t.same(normalise('a\tb', all), { refused: 'Username contains a control character: 0x09' })
  t.same(normalise('a\u007f', all), { refused: 'Username contains a control character: 0x7f' })
  t.same(normalise('a\u0085', all), { refused: 'Username contains a control character: 0x85' })
  t.same(normalise('a\ud800b', all), { refused: 'Username is not valid UTF-8' })
  t.same(normalise('a\ufffd', all), { refused: 'Username is not valid UTF-8' })
})

t.test('characters that look or fold alike stay different names', async t => {
  const pairs = [
    ['\u212aim', 'kim'],
    ['\u00e9', 'e\u0301'],
    ['stra\u00dfe', 'strasse'],
    ['\u0131', 'i'],
    ['\u0130', 'i'],
    ['anna\uff20x', 'anna@x'],
    ['an\u200bna', 'anna'],
    ['anna@x', 'anna@x.'],
  ]
  const all = rules({ auth_username_chars: '' })
  for (const [one = '', other = ''] of pairs) t.notSame(all.normalise(one), all.normalise(other), one)
})

t.test('a name of 255 bytes is one, a longer one is refused', async t => {
  t.same(normalise('a'.repeat(255)), { user: 'a'.repeat(255) })
  const refused = { refused: 'Username is longer than 255 bytes' }
  t.same(normalise('a'.repeat(256)), refused)
  t.same(normalise('ä'.repeat(128), { auth_username_chars: '' }), refused)
  t.same(normalise('a'.repeat(65536)), refused)
  t.same(normalise('a'.repeat(250), { auth_default_realm: 'example.org' }), refused)
})

t.test('bytes of a character outside ASCII can be allowed', async t => {
  const over = { auth_username_chars: 'anä@' }
  t.same(normalise('änna@n', over), { user: 'änna@n' })
  t.same(normalise('önna', over), { refused: 'Username character disallowed by auth_username_chars: 0xb6' })
})

t.test('a stored name takes the case of the format and nothing else', async t => {
  const stored = (format: string, name: string) =>
    rules({ auth_username_format: format }).normaliseStored(name)
  t.equal(stored('%Lu', 'Anna@Example.org'), 'anna@example.org')
  t.equal(stored('%Uu', 'Anna@Example.org'), 'ANNA@EXAMPLE.ORG')
  t.equal(stored('%u', 'Anna@Example.org'), 'Anna@Example.org')
  t.equal(stored('', 'Anna@Example.org'), 'Anna@Example.org')
  t.equal(stored('%n@%Ld', 'Anna@Example.org'), 'Anna@example.org')
  t.equal(stored('%n@%Ld', 'Anna'), 'Anna')
  t.equal(stored('%Ln', 'Anna@example.org'), 'anna@example.org', 'namesakes stay apart')
  t.equal(stored('%Ln@example.org', 'Anna@example.org'), 'anna@example.org')
})

t.test('settings that can never work are refused', async t => {
  const mistakes: [Partial<UsernameSettings>, RegExp][] = [
    [{ auth_username_format: '%{user | shout}' }, /auth_username_format: .*unknown filter shout/],
    [{ auth_username_format: '%s' }, /unknown variable %s/],
    [{ auth_username_format: 'anna' }, /all users would be one/],
    [{ auth_username_translation: '#' }, /auth_username_translation/],
    [{ auth_username_translation: 'ä@' }, /auth_username_translation/],
  ]
  for (const [over, message] of mistakes) t.throws(() => rules(over), { code: 'ERR_CONFIG', message })
})
