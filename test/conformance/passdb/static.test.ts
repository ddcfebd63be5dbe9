import t, { type Test } from 'tap'
import { staticDriver } from '../../../src/passdb/static.js'
import { driverDeps, withDefaults } from './open-driver.js'
import { type PassdbUnderTest, passdbSuite } from './passdb.suite.js'

async function openStatic(_t: Test): Promise<PassdbUnderTest> {
  const given = withDefaults(staticDriver.options, { password: '{PLAIN}p', fields: { note: '%u' } })
  const passdb = await staticDriver.open(given, driverDeps())
  const known = ['anna@example.org', 'bob@example.org'].map(user => ({ user, stored: '{PLAIN}p' }))
  return { driver: 'static', passdb, known }
}

t.test('static', async t => passdbSuite(t, openStatic))
