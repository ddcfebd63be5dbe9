import t, { type Test } from 'tap'
import { staticDriver } from '../../../src/userdb/static.js'
import { driverDeps, withDefaults } from '../passdb/open-driver.js'
import { type UserdbUnderTest, userdbSuite } from './userdb.suite.js'

async function openStatic(_t: Test): Promise<UserdbUnderTest> {
  const given = { uid: 'vmail', gid: '5000', home: '/srv/mail/%{user | domain}/%n' }
  return {
    driver: 'static',
    userdb: await staticDriver.open(withDefaults(staticDriver.options, given), driverDeps()),
    known: [
      { user: 'anna@x', fields: { uid: 'vmail', gid: '5000', home: '/srv/mail/x/anna' } },
      { user: '%u@%d', fields: { uid: 'vmail', gid: '5000', home: '/srv/mail/%d/%u' } },
    ],
  }
}

t.test('static', async t => userdbSuite(t, openStatic))
