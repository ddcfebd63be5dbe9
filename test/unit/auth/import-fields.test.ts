import t from 'tap'
import { importPassdbFields, importUserdbFields } from '../../../src/auth/import-fields.js'
import { checkFields } from '../../../src/model/field-firewall.js'

const passdb = (fields: Record<string, string>) =>
  Object.fromEntries(importPassdbFields(new Map(Object.entries(fields))))
const userdb = (fields: Record<string, string>) =>
  Object.fromEntries(importUserdbFields(new Map(Object.entries(fields))))

t.test('a list becomes its fields, in its place', async t => {
  t.same(passdb({ a: '1', passdb_import: 'proxy=y\thost=b=c\tallow_nets=::1', z: '2' }), {
    a: '1',
    proxy: 'y',
    host: 'b=c',
    allow_nets: '::1',
    z: '2',
  })
  t.same(passdb({ userdb_userdb_import: 'uid=5000\tgid=5001' }), { userdb_uid: '5000', userdb_gid: '5001' })
  t.same(userdb({ userdb_import: 'uid=5000\thome=/x', gid: '1' }), { uid: '5000', home: '/x', gid: '1' })
  t.same(passdb({ passdb_import: '\tnodelay\t' }), { nodelay: 'y' }, 'a name alone is true')
  t.same(passdb({ passdb_import: '' }), {})
})

t.test('what says no is absent, as everywhere', async t => {
  t.same(passdb({ passdb_import: 'nopassword=no\tproxy=0\tnologin=false' }), {})
})

t.test('what may not be in a list stops the reply', async t => {
  const stops = (fields: Record<string, string>) =>
    'stopped' in checkFields(importPassdbFields(new Map(Object.entries(fields))))
  t.ok(stops({ passdb_import: 'passdb_import=a=b' }), 'a list in a list')
  t.ok(stops({ passdb_import: 'password={PLAIN}x' }))
  t.ok(stops({ passdb_import: 'password:default={PLAIN}x' }))
  t.ok(stops({ userdb_import: 'uid=1' }), 'of a passdb it would be a field called import')
  t.ok(stops({ passdb_import: 'home=/a\nb' }))
  t.ok(stops({ passdb_import: '=x' }))
  t.notOk(stops({ passdb_import: 'nodelay=y' }))
})
