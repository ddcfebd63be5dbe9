import t from 'tap'
import { compileLinkFields } from '../../../src/auth/field-templates.js'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import { ConfigError } from '../../../src/model/config-error.js'

const request = (user: string): AuthRequest => ({
  user,
  originalUser: user,
  protocol: 'imap',
  secured: 'tls',
})

t.test('fields without variables are the same for everybody', async t => {
  const fields = compileLinkFields({ proxy: 'y' }, { 'host:default': 'b1' }, 'passdb x')
  t.equal(fields.expandFor, undefined)
  t.same(fields.defaultFields, [{ name: 'proxy', value: 'y', mode: 'set' }])
  t.same(fields.overrideFields, [{ name: 'host', value: 'b1', mode: 'if-unset' }])
})

t.test('variables stand for what the request says, in both spellings', async t => {
  const fields = compileLinkFields(
    { userdb_home: '/var/vmail/%d/%n', userdb_uid: '5000' },
    { 'destuser:protected': '%{user | username}' },
    'passdb x',
  )
  t.same(fields.expandFor?.(request('anna@example.org')), {
    defaultFields: [
      { name: 'userdb_home', value: '/var/vmail/example.org/anna', mode: 'set' },
      { name: 'userdb_uid', value: '5000', mode: 'set' },
    ],
    overrideFields: [{ name: 'destuser', value: 'anna', mode: 'if-unset' }],
  })
})

t.test('a user name cannot choose another directory', async t => {
  const fields = compileLinkFields({ userdb_home: '/var/vmail/%d/%n' }, {}, 'passdb x')
  for (const user of ['../../etc@x', '..@..', 'a/b@x', 'anna', 'anna@']) {
    t.match(fields.expandFor?.(request(user)), { harm: /^the field userdb_home would / }, user)
  }
})

t.test('an unknown variable is refused at the start, naming the field', async t => {
  t.throws(() => compileLinkFields({ userdb_home: '/x/%{usr}' }, {}, 'passdb x'), ConfigError)
  t.throws(() => compileLinkFields({}, { host: '%{usr}' }, 'passdb x'), {
    message: /passdb x: override_fields\.host/,
  })
})
