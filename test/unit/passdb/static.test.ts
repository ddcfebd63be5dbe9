import t from 'tap'
import { staticDriver } from '../../../src/passdb/static.js'
import { driverDeps, withDefaults } from '../../conformance/passdb/open-driver.js'
import { request } from '../../conformance/passdb/passdb.suite.js'

type Settings = Parameters<typeof staticDriver.open>[0]

async function lookUp(given: Partial<Settings>, user = 'anna@example.org') {
  const passdb = await staticDriver.open(withDefaults(staticDriver.options, given), driverDeps())
  const found = await passdb.lookup(request(user))
  return found.result === 'ok' ? { ...found, fields: Object.fromEntries(found.fields) } : found
}

t.test('fields have their variables filled in, with what the user is called and nothing more', async t => {
  const fields = { proxy: 'y', host: '%d.backend', port: '143', destuser: '%Ln', note: '100%%' }
  t.same(await lookUp({ nopassword: true, fields }), {
    result: 'ok',
    fields: {
      proxy: 'y',
      host: 'example.org.backend',
      port: '143',
      destuser: 'anna',
      note: '100%',
      nopassword: 'y',
    },
  })
  t.match(await lookUp({ fields: { note: '%u' } }, '%{sha512:x}'), { fields: { note: '%{sha512:x}' } })
})

t.test('a field that is a flag and says no is absent', async t => {
  t.same(await lookUp({ fields: { proxy: 'no', nologin: 'false', note: 'no' } }), {
    result: 'ok',
    fields: { note: 'no' },
  })
})

t.test('the password is clear text unless it names its scheme, and never a template', async t => {
  t.match(await lookUp({ password: 'p%u' }), { credentials: { stored: '{PLAIN}p%u' } })
  t.match(await lookUp({ password: '{SHA512-CRYPT}$6$x' }), { credentials: { stored: '{SHA512-CRYPT}$6$x' } })
})

t.test('neither a password nor nopassword is no credentials: only for somebody verified before', async t => {
  t.same(await lookUp({}), { result: 'ok', fields: {} })
})

t.test('settings that can never work are a ConfigError', async t => {
  const mistakes: [Partial<Settings>, RegExp][] = [
    [{ password: 'p', nopassword: true }, /passdb test: password and nopassword contradict each other/],
    [{ fields: { nopassword: 'y' } }, /passdb test: nopassword is a setting of its own/],
    [{ fields: { 'password:default': 'y' } }, /password is a setting of its own/],
    [{ fields: { host: '%{usr}' } }, /passdb test: fields.host: .* unknown variable/],
  ]
  for (const [given, message] of mistakes) t.rejects(lookUp(given), { code: 'ERR_CONFIG', message })
})

t.test('a name that would choose another directory for prefetch is internal_failure', async t => {
  const fields = { userdb_home: '/srv/%d/%n' }
  t.match(await lookUp({ fields }, 'anna@x'), { result: 'ok', fields: { userdb_home: '/srv/x/anna' } })
  t.same(await lookUp({ fields }, 'x'), {
    result: 'internal_failure',
    reason: 'userdb_home of "x" would have an empty part',
  })
})
