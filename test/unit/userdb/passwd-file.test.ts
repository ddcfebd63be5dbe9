import t from 'tap'
import { passwdFile } from '../../../src/userdb/passwd-file.js'
import { driverDeps, withDefaults } from '../../conformance/passdb/open-driver.js'
import { request } from '../../conformance/passdb/passdb.suite.js'

t.test('username_format says what is looked up, and a field that is a path is checked', async t => {
  const path = `${t.testdir({ passwd: '..:x:5000:5000::/srv/dots::userdb_mail=maildir:/srv/%d/%n\nanna:x:5000:' })}/passwd`
  const given = withDefaults(passwdFile.options, { path, username_format: '%n' })
  const userdb = await passwdFile.open(given, driverDeps())
  t.match(await userdb.lookup(request('anna@x')), { result: 'ok' })
  t.same(await userdb.lookup(request('..@x')), {
    result: 'internal_failure',
    reason: 'passwd-file, line 1: userdb_mail would have a part that is . or ..',
  })
})

t.test('settings that can never work are a ConfigError', async t => {
  const given = withDefaults(passwdFile.options, { path: '/etc/%d/passwd' })
  await t.rejects(passwdFile.open(given, driverDeps()), { code: 'ERR_CONFIG', message: /without variables/ })
})
