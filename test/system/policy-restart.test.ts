// What Homing knows of users outlives it: after a restart nobody is kept out who was not before.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePorts } from './free-ports.js'
import { type EmptyDatabase, sqliteFile, startHoming } from './homing.js'
import { startMariadb } from './mariadb-server.js'
import { needs } from './parts.js'

const OFFICE = '192.0.2.1'

async function restart(t: Test, database: EmptyDatabase): Promise<void> {
  const [port = 0] = await freePorts(1)
  const service = await startHoming({ database, config: `policy_listen = ["127.0.0.1:${port}"]` })
  t.teardown(() => service.close())
  const ask = async (command: string, body: object) => {
    const answer = await fetch(`http://127.0.0.1:${port}/command/${command}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return (await answer.json()) as { status: unknown }
  }
  const attempt = (user: string, pwhash: string) => ({ login: `${user}@example.org`, remote: OFFICE, pwhash })
  const report = (user: string, success: boolean) =>
    ask('report', { ...attempt(user, success ? '0001' : '0002'), success, policy_reject: false })
  const statusOf = async (user: string) => (await ask('allow', attempt(user, '0001'))).status

  await report('anna', true)
  await service.stop()
  await service.start()
  // Old phones are the first that come back; whoever is logged in stays so.
  for (let n = 0; n < 120; n++) await report(`phone${n}`, false)
  t.equal(await statusOf('somebody'), -1, 'this address guesses, as far as one can see')
  t.equal(await statusOf('anna'), 0, 'anna is known here')
}

t.test('with SQLite', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'homing-policy-restart-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await restart(t, sqliteFile(join(folder, 'homing.db')))
})

t.test('with MariaDB', async t => {
  if (!needs(t, 'mariadb')) return
  const server = await startMariadb()
  t.teardown(() => server.close())
  await server.createDatabase('policy')
  await restart(t, { url: server.url('policy'), execute: sql => server.execute(sql, 'policy') })
})
