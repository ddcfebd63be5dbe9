import { rename } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { passwdFile } from '../../../src/userdb/passwd-file.js'
import { driverDeps, withDefaults } from '../passdb/open-driver.js'
import { type UserdbUnderTest, userdbSuite } from './userdb.suite.js'

const text = [
  'anna@x:{PLAIN}p:5000:vmail::/srv/anna::nodelay userdb_quota_rule=*:bytes=1G userdb_sieve=~/%n.sieve',
  'Bob@x:{PLAIN}p:::',
  'only@x:{PLAIN}p',
].join('\n')

async function openPasswd(t: Test): Promise<UserdbUnderTest> {
  const path = `${t.testdir({ passwd: text })}/passwd`
  const move = async (from: string, to: string) => {
    await rename(from, to)
    await sleep(1050) // The file is looked at once a second.
  }
  return {
    driver: 'passwd-file',
    userdb: await passwdFile.open(withDefaults(passwdFile.options, { path }), driverDeps()),
    known: [
      {
        user: 'anna@x',
        fields: {
          uid: '5000',
          gid: 'vmail',
          home: '/srv/anna',
          quota_rule: '*:bytes=1G',
          sieve: '~/anna.sieve',
        },
      },
      { user: 'bob@x', fields: {} },
    ],
    unknown: 'only@x',
    listed: ['anna@x', 'bob@x'],
    breakIt: () => move(path, `${path}.away`),
    mendIt: () => move(`${path}.away`, path),
  }
}

t.test('passwd-file', async t => userdbSuite(t, openPasswd))
