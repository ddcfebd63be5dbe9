import { rename } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { passwdFile } from '../../../src/passdb/passwd-file.js'
import { driverDeps, withDefaults } from './open-driver.js'
import { type PassdbUnderTest, passdbSuite } from './passdb.suite.js'

const text = 'anna@example.org:{PLAIN}pa:5000:5000::/srv/a\nBob@Example.org:{PLAIN}pb\n'

async function openPasswd(t: Test): Promise<PassdbUnderTest> {
  const path = `${t.testdir({ passwd: text })}/passwd`
  const passdb = await passwdFile.open(withDefaults(passwdFile.options, { path }), driverDeps())
  const move = async (from: string, to: string) => {
    await rename(from, to)
    await sleep(1050) // The file is looked at once a second.
  }
  return {
    driver: 'passwd-file',
    passdb,
    known: [
      { user: 'anna@example.org', stored: '{PLAIN}pa' },
      { user: 'bob@example.org', stored: '{PLAIN}pb' },
    ],
    unknown: 'nobody@example.org',
    breakIt: () => move(path, `${path}.away`),
    mendIt: () => move(`${path}.away`, path),
  }
}

t.test('passwd-file', async t => passdbSuite(t, openPasswd))
