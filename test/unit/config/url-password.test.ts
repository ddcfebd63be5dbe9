import t from 'tap'
import { holdsPassword, withoutPassword } from '../../../src/config/url-password.js'

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

t.test('a URL without a password stays as it is', async t => {
  for (const url of [
    'mysql://dovecot@db1,db2:3306/mail',
    'sqlite:./data/homing.db',
    'mysql://db/m?ssl=1',
    '',
  ]) {
    t.equal(withoutPassword(url), url)
    t.notOk(holdsPassword(url))
  }
  t.ok(holdsPassword('mysql://dovecot:x@db/mail'))
})
