import t from 'tap'
import { renameUser, setLinkFields } from '../../../src/auth/link-fields.js'
import { parseFieldSetting } from '../../../src/model/extra-fields.js'

const rules = {
  resultSuccess: 'return-ok',
  resultFailure: 'continue',
  resultInternalfail: 'continue',
  deny: false,
} as const

interface Settings {
  readonly defaults?: Readonly<Record<string, string>>
  readonly overrides?: Readonly<Record<string, string>>
}

/** What the link makes of `found`, when an earlier link left `known`. */
function setFields(
  known: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
  { defaults = {}, overrides = {} }: Settings = {},
) {
  const settings = (of: Readonly<Record<string, string>>) =>
    Object.entries(of).map(([key, value]) => parseFieldSetting(key, value))
  const link = { ...rules, defaultFields: settings(defaults), overrideFields: settings(overrides) }
  const before = { user: 'anna@example.org', loginUser: undefined, fields: new Map(Object.entries(known)) }
  const { user, fields, failed } = setLinkFields(before, link, new Map(Object.entries(found)))
  return { user, fields: Object.fromEntries(fields), failed }
}

t.test('user replaces the name, username and domain a part of it', async t => {
  t.equal(renameUser('anna@example.org', 'user', 'bert'), 'bert')
  t.equal(renameUser('anna@example.org', 'username', 'bert'), 'bert@example.org')
  t.equal(renameUser('anna@example.org', 'username', 'bert@example.net'), 'bert@example.net')
  t.equal(renameUser('anna', 'username', 'bert'), 'bert')
  t.equal(renameUser('anna@example.org', 'domain', 'example.net'), 'anna@example.net')
  t.equal(renameUser('anna', 'domain', 'example.net'), 'anna@example.net')
  t.equal(
    renameUser('anna@example.org@more', 'domain', 'example.net'),
    'anna@example.net',
    'the first @ counts',
  )
  t.equal(renameUser('anna@example.org@more', 'username', 'bert'), 'bert@example.org@more')
})

t.test('an empty name is no name', async t => {
  for (const field of ['user', 'username', 'domain'] as const) {
    t.equal(renameUser('anna@example.org', field, ''), undefined)
  }
  t.match(setFields({}, { user: '', host: 'b1' }), { user: 'anna@example.org', failed: true })
})

t.test('fields are laid upon those of earlier links', async t => {
  t.same(setFields({ proxy: 'y', host: 'b1' }, { host: 'b2', port: '143' }), {
    user: 'anna@example.org',
    fields: { proxy: 'y', host: 'b2', port: '143' },
    failed: false,
  })
})

t.test('default fields give way to what was found, override fields do not', async t => {
  const settings = { defaults: { host: 'd', port: 'd' }, overrides: { port: 'o', proxy: 'o' } }
  t.same(setFields({ host: 'k' }, { port: 'f', ssl: 'f' }, settings).fields, {
    host: 'd',
    port: 'o',
    ssl: 'f',
    proxy: 'o',
  })
})

t.test('protected and default set only what nobody has set before, not even an earlier link', async t => {
  const settings = {
    defaults: { 'host:protected': 'd', 'port:default': 'd' },
    overrides: { 'ssl:protected': 'o' },
  }
  t.same(setFields({ host: 'k' }, { ssl: 'f' }, settings).fields, { host: 'k', port: 'd', ssl: 'f' })
  t.same(setFields({ host: 'k' }, { 'host:protected': 'f', 'port:protected': 'f' }).fields, {
    host: 'k',
    port: 'f',
  })
})

t.test('remove takes away also what an earlier link has set', async t => {
  t.same(setFields({ proxy: 'y', host: 'k' }, { host: 'f' }, { overrides: { 'proxy:remove': '' } }).fields, {
    host: 'f',
  })
  t.same(setFields({ proxy: 'y', host: 'k' }, { 'proxy:remove': '' }).fields, { host: 'k' })
})

t.test('names are changed one after the other', async t => {
  const settings = { defaults: { username: 'bert' }, overrides: { domain: 'example.com' } }
  t.equal(setFields({}, { user: 'carl@example.net' }, settings).user, 'carl@example.com')
  t.equal(setFields({}, { domain: 'example.net' }, settings).user, 'bert@example.com')
})

t.test('a userdb name is a name, and no field', async t => {
  t.same(setFields({}, { userdb_user: 'bert', userdb_uid: '5' }), {
    user: 'bert',
    fields: { userdb_uid: '5' },
    failed: false,
  })
})

t.test('login_user changes whom a master becomes, and nothing outside a master login', async t => {
  const link = { ...rules, defaultFields: [], overrideFields: [] }
  const found = new Map([['login_user', 'bert']])
  const set = (loginUser: string | undefined) =>
    setLinkFields({ user: 'adm', loginUser, fields: new Map() }, link, found).loginUser
  t.equal(set('anna'), 'bert')
  t.equal(set(undefined), undefined)
})
