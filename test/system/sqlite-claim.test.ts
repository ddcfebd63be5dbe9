// One running service per SQLite file, and the claim dies with it.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type EmptyDatabase, type RunningHoming, sqliteFile, startHoming } from './homing.js'

const program = join(import.meta.dirname, '../../src/cli/homing.js')

t.test('a second service on the same SQLite file is refused, until the first is gone', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'homing-claim-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const database = sqliteFile(join(folder, 'homing.db'))
  const first = await start(t, database)
  await first.addAccounts({
    localUsers: [{ username: 'anna@x', password: '{PLAIN}secret', home: '/h', uid: 1, gid: 1 }],
  })

  const refused = await homing(database, 'serve', '--listen', '127.0.0.1:0')
  t.equal(refused.code, 69)
  t.match(
    refused.stderr,
    /another homing serve is running on sqlite:.*several copies share a MariaDB or MySQL/,
  )
  t.equal((await homing(database, 'auth', 'lookup', 'anna@x')).code, 0, 'commands go on')
  t.equal((await fetch(`${first.url}/readyz`)).status, 200, 'and so does the first')

  await first.kill()
  const second = await start(t, database)
  t.equal((await fetch(`${second.url}/readyz`)).status, 200)
})

async function start(t: Test, database: EmptyDatabase): Promise<RunningHoming> {
  const homing = await startHoming({ database })
  t.teardown(() => homing.close())
  return homing
}

function homing({ url }: EmptyDatabase, ...args: string[]): Promise<{ code: unknown; stderr: string }> {
  const env = { ...process.env, HOMING_DATABASE_URL: url }
  return new Promise(resolve =>
    execFile(process.execPath, [program, ...args], { env, timeout: 20_000 }, (error, _stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stderr }),
    ),
  )
}
