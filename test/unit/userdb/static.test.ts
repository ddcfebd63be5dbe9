import t from 'tap'
import { staticDriver } from '../../../src/userdb/static.js'
import { driverDeps, withDefaults } from '../../conformance/passdb/open-driver.js'
import { request } from '../../conformance/passdb/passdb.suite.js'

type Settings = Parameters<typeof staticDriver.open>[0]

const open = (given: Partial<Settings>) =>
  staticDriver.open(withDefaults(staticDriver.options, given), driverDeps())
async function lookUp(given: Partial<Settings>, user = 'anna@example.org') {
  const found = await (await open(given)).lookup(request(user))
  return found.result === 'ok' ? Object.fromEntries(found.fields) : found
}

t.test('the home is named after the user, in the words of 2.3 and of 2.4', async t => {
  t.same(await lookUp({ home: '/srv/%d/%n' }), { home: '/srv/example.org/anna' })
  t.same(await lookUp({ home: '/srv/%{user | domain}/%{user | username}' }), {
    home: '/srv/example.org/anna',
  })
  t.same(await lookUp({ home: '/srv/%{user}' }), { home: '/srv/anna@example.org' })
})

t.test('what is not set is absent, and further fields are added', async t => {
  t.same(await lookUp({}), {})
  t.same(await lookUp({ uid: '5000', fields: { mail: 'maildir:~/%n' } }), {
    uid: '5000',
    mail: 'maildir:~/anna',
  })
})

t.test('a name that would choose another directory is internal_failure', async t => {
  const home = '/srv/%d/%n'
  t.same(await lookUp({ home }, 'a/b@x'), {
    result: 'internal_failure',
    reason: 'home of "a/b@x" would have a separator or a control character of the user in it',
  })
  t.match(await lookUp({ home }, '..@x'), { reason: 'home of "..@x" would have a part that is . or ..' })
  t.match(await lookUp({ home }, 'example.org'), { reason: 'home of "example.org" would have an empty part' })
  t.match(await lookUp({ fields: { mail: 'maildir:/srv/%n' } }, 'a/b'), { reason: /^mail of "a\/b" would/ })
})

t.test('it knows every name, and is believed without asking only where that is wanted', async t => {
  t.equal((await open({})).knowsEveryName, true)
  t.equal((await open({ allow_all_users: true })).knowsEveryName, false)
})

t.test('settings that can never work are a ConfigError', async t => {
  await t.rejects(open({ home: 'srv/%n' }), {
    code: 'ERR_CONFIG',
    message: 'userdb test: home: "srv/%n" must begin with /',
  })
  await t.rejects(open({ home: '/srv/%{usr}' }), {
    code: 'ERR_CONFIG',
    message: /^userdb test: home: .*unknown variable/,
  })
  await t.rejects(open({ fields: { mail: '%{usr}' } }), {
    code: 'ERR_CONFIG',
    message: /^userdb test: mail: /,
  })
})
