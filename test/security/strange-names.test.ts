// A user name is data at every door, whatever it looks like: never a template, a path, a pattern, a key or a query.

import t from 'tap'
import { openEveryDoor } from './every-door.js'

const templates = [
  '%{sha512:anna}',
  '%u%u%u',
  '%{user}',
  '%%',
  '%{env:path}',
  '%n@%d',
  '${7*7}',
  '${jndi:ldap:x}',
  '{{7*7}}',
  '#{7}',
  '<%=7%>',
  '$(id)',
  '`id`',
  '%s%s%n',
]
const queries = [
  "o'brien",
  "' or '1'='1",
  "'; drop table local_users; --",
  '"',
  '\\',
  "\\' or 1=1 -- ",
  '?',
  ':user',
]
const patterns = ['*', 'a*', '_____', '%', '.*', '[a-z]']
const keys = ['__proto__', 'constructor', 'tostring', 'hasownproperty']
const paths = ['../../etc/passwd', 'anna@../../etc', 'anna@/etc/passwd', './anna', '.', '..', 'a@..', 'c:\\x']
const names = [
  ...templates,
  ...queries,
  ...patterns,
  ...keys,
  ...paths,
  'anna',
  'müller@x',
  '😀',
  'a b',
  'a=b',
  'a,b',
]

t.test('names come out byte for byte where they went in, and each is only itself', async t => {
  const { ask, verify, grant, allow, dict, rows } = await openEveryDoor(
    t,
    'auth_username_chars = ""\nlogin_events = "all"\nauth_cache_size = "1M"\npolicy_check = false\n',
  )
  const passwordOf = (name: string) => `pw${names.indexOf(name)}`
  for (const user of names) {
    const added = await ask('POST', 'local-users', { user, clear_password: passwordOf(user) })
    t.match(added, { status: 201, body: { user } }, `added ${user}`)
  }
  for (const user of names) {
    const bytes = Buffer.from(user)
    for (const time of ['first', 'cached']) {
      const verified = await verify(bytes, passwordOf(user))
      t.match(verified, { status: 200, body: { result: 'ok', user } }, `verify ${user}, ${time}`)
    }
    t.match(await verify(bytes, 'pw'), { body: { result: 'password_mismatch', user } }, `wrong ${user}`)
    t.match(await grant(bytes, passwordOf(user)), { status: 200, body: { active: true, user, result: 'ok' } })
    t.match(await allow(bytes), { status: 200, body: { status: Number } })
    t.match(await dict(bytes, passwordOf(user)), /^O/, `dict ${user}`)
    t.notMatch(await dict(bytes, 'pw'), /^O\{.*nopassword/, `dict, wrong ${user}`)
    const shown = await ask('GET', `local-users/${encodeURIComponent(user)}`)
    if (user !== '.' && user !== '..') t.match(shown, { status: 200, body: { user } }, `shown ${user}`)
  }
  const audited = await rows('select username from homing_audit')
  t.same(audited.map(({ username }) => username).sort(), [...names].sort(), 'and in the audit')
  await new Promise(resolve => setTimeout(resolve, 1500))
  const logged = await rows("select distinct username from homing_login_events where result = 'ok'")
  t.same(logged.map(({ username }) => username).sort(), [...names].sort(), 'and in the login events')
})
