import t, { type Test } from 'tap'
import { passwdFile } from '../../../src/passdb/passwd-file.js'
import { driverDeps, withDefaults } from '../../conformance/passdb/open-driver.js'
import { request } from '../../conformance/passdb/passdb.suite.js'

type Settings = Parameters<typeof passwdFile.open>[0]

async function lookUp(t: Test, text: string, user: string, given: Partial<Settings> = {}) {
  const path = `${t.testdir({ passwd: text })}/passwd`
  const passdb = await passwdFile.open(withDefaults(passwdFile.options, { path, ...given }), driverDeps())
  const found = await passdb.lookup(request(user))
  return found.result === 'ok' ? { ...found, fields: Object.fromEntries(found.fields) } : found
}

t.test('extra fields are filled in; a key alone is true, a flag that says no is absent', async t => {
  const text =
    'anna@x:{PLAIN}p::::::proxy host=%d.backend nodelay=no userdb_mail=maildir:~/%n nopassword=false\n'
  t.same(await lookUp(t, text, 'anna@x'), {
    result: 'ok',
    credentials: { stored: '{PLAIN}p' },
    fields: { proxy: 'yes', host: 'x.backend', userdb_mail: 'maildir:~/anna' },
  })
})

t.test('username_format says what is looked up in the file', async t => {
  t.match(await lookUp(t, 'anna:{PLAIN}p\n', 'anna@x', { username_format: '%n' }), { result: 'ok' })
  t.match(await lookUp(t, 'anna:{PLAIN}p\n', 'anna@x'), { result: 'user_unknown' })
})

t.test('scheme is put before a password that names none', async t => {
  const stored = async (password: string, scheme: string) => {
    const found = await lookUp(t, `anna:${password}\n`, 'anna', { scheme })
    return found.result === 'ok' && found.credentials?.stored
  }
  t.equal(await stored('secret', 'PLAIN'), '{PLAIN}secret')
  t.equal(await stored('{SHA256}x', 'PLAIN'), '{SHA256}x')
  t.equal(await stored('$1$salt$hash', 'PLAIN'), '$1$salt$hash')
  t.equal(await stored('$6$salt$hash', 'CRYPT'), '{CRYPT}$6$salt$hash')
  t.equal(await stored('secret', ''), 'secret')
})

t.test('an empty password opens nothing', async t => {
  t.same(await lookUp(t, 'anna:\n', 'anna', { scheme: 'PLAIN' }), { result: 'ok', fields: {} })
})

t.test('a bad line is internal_failure for its user, and names its number', async t => {
  t.match(await lookUp(t, '#\nanna:{PLAIN}p:0\n', 'anna'), {
    result: 'internal_failure',
    reason: /line 2: has a uid or gid that can be none/,
  })
})

t.test('settings that can never work are a ConfigError', async t => {
  t.rejects(lookUp(t, '', 'anna', { path: '/etc/%d/passwd' }), {
    code: 'ERR_CONFIG',
    message: /without variables/,
  })
  t.rejects(lookUp(t, '', 'anna', { username_format: '%{usr}' }), {
    code: 'ERR_CONFIG',
    message: /username_format/,
  })
})
