import t from 'tap'
import { holdsPassword, withoutPassword } from '../../../src/model/url-password.js'

t.test('a password is cut from a URL wherever it may stand', async t => {
  t.equal(withoutPassword('mysql://dovecot:s3cret@db1,db2:3306/mail'), 'mysql://dovecot@db1,db2:3306/mail')
  t.equal(withoutPassword('mysql://dovecot:s3cret@db1/mail', '<hidden>'), 'mysql://dovecot:<hidden>@db1/mail')
  t.equal(withoutPassword('mysql://d@db/m?password=s3cret&ssl=1'), 'mysql://d@db/m?password=&ssl=1')
})

t.test('of an unescaped password nothing is left', async t => {
  for (const url of ['mysql://u:s3@cret@db/m', 'mysql://u:s3/cret@db/m', 'mysql://u:s3?cret@db/m']) {
    t.notMatch(withoutPassword(url), /cret|s3/, url)
  }
})

t.test('of a URL in which a password may stand anywhere only the kind is left', async t => {
  for (const url of [
    'mysql:homing:s3cret@db/m',
    'mysql:/homing:s3cret@db/m',
    'mysql:///homing:s3cret@db/m',
    'mysql://homing:s3cret/m',
    'mysql://homing:4711/m',
    'mysql://u@homing:s3cret/m',
    'mysql://db/u:s3cret@m',
    'mysql:s3cret',
  ]) {
    t.equal(withoutPassword(url), 'mysql:', url)
    t.equal(withoutPassword(url, '***'), 'mysql:***', url)
    t.ok(holdsPassword(url))
  }
  t.equal(withoutPassword('redis://:s3cret'), 'redis:')
  t.equal(withoutPassword('homing:s3cret@db/m'), 'homing:')
  t.equal(withoutPassword('mysql//homing:s3cret@db/m'), '')
  t.equal(withoutPassword('s3cret'), '')
})

t.test('a user whose name holds an @ keeps it, and the password goes', async t => {
  t.equal(withoutPassword('mysql://an@na:s3cret@db/m'), 'mysql://an@na@db/m')
})

t.test('a URL without a password stays as it is', async t => {
  for (const url of [
    'mysql://dovecot@db1,db2:3306/mail',
    'mysql://dovecot@[::1]:3307,db2/mail',
    'mysql://dovecot@localhost/mail?socket=/run/mysqld/mysqld.sock',
    'sqlite:./data/homing.db',
    'sqlite:/srv/a:b@c/homing.db',
    'sqlite:///srv/homing.db',
    'sqlite::memory:',
    'redis://valkey1:6379/0',
    'unix:/run/valkey/valkey.sock',
    'mysql://db/m?ssl=1',
    '',
  ]) {
    t.equal(withoutPassword(url), url)
    t.notOk(holdsPassword(url))
  }
  t.ok(holdsPassword('mysql://dovecot:x@db/mail'))
})
