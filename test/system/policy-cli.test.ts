// homing policy: lists that a running service follows.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePorts } from './free-ports.js'
import { sqliteFile, startHoming } from './homing.js'

const program = join(import.meta.dirname, '../../src/cli/homing.js')

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function openFolder(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'homing-policy-cli-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const database = sqliteFile(join(folder, 'homing.db'))
  const homing = (...args: string[]) =>
    new Promise<Ran>(resolve => {
      const options = { cwd: folder, env: { ...process.env, HOMING_DATABASE_URL: database.url } }
      execFile(process.execPath, [program, 'policy', ...args], options, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
      })
    })
  return { folder, database, homing }
}

t.test('entries are listed in one form, and removed by any', async t => {
  const { homing } = await openFolder(t)
  t.match(await homing('block', '203.0.113.9/24', '--for', '2 hours', '--reason', 'scanner'), {
    code: 0,
    stdout: 'blocked 203.0.113.0/24\n',
  })
  t.match(await homing('block', '::ffff:192.0.2.1', '--login', 'BERT@example.org'), {
    code: 0,
    stdout: 'blocked bert@example.org from 192.0.2.1\n',
  })
  t.match(await homing('allow', 'ANNA@example.org'), { code: 0 })
  const { stdout } = await homing('list')
  t.match(stdout, /^allow {2}anna@example\.org {2}for good$/m)
  t.match(stdout, /^block {2}203\.0\.113\.0\/24 {2}until 20\d\d-\S+Z {2}scanner$/m)
  const listed = (await homing('list', '--json')).stdout.trim().split('\n')
  t.match(
    listed.map(text => JSON.parse(text)),
    [{ list: 'allow', login: 'anna@example.org' }, { list: 'block' }, { list: 'block' }],
  )
  t.match(await homing('unblock', '203.0.113.77/24'), { code: 0 })
  t.match(await homing('unblock', '203.0.113.77/24'), { code: 67, stderr: /is not on that list/ })
  t.match(await homing('unblock', 'anna@example.org'), { code: 67 }, 'another list')
  t.match(await homing('disallow', 'anna@example.org'), { code: 0 })
})

t.test('what means nothing is refused, and a database that is down is said', async t => {
  const { homing } = await openFolder(t)
  t.match(await homing('block', 'a b'), { code: 65 })
  t.match(await homing('block', '192.0.2.1', '--for', '5'), { code: 65, stderr: /has no unit/ })
  t.match(await homing('block', 'bert', '--login', 'anna'), { code: 64 })
  t.match(await homing('block'), { code: 64 })
  t.match(await homing('list', '--set', 'database_url=mysql://x@127.0.0.1:1/y'), { code: 75 })
})

t.test('a running service follows', async t => {
  const { database, homing } = await openFolder(t)
  const [port = 0] = await freePorts(1)
  const service = await startHoming({ database, config: `policy_listen = ["127.0.0.1:${port}"]` })
  t.teardown(() => service.close())
  const statusOf = async (remote: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}/?command=allow`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ login: 'anna@example.org', remote, pwhash: '02ec' }),
    })
    return ((await answer.json()) as { status: number }).status
  }
  const becomes = async (status: number) => {
    for (let tries = 0; tries < 80 && (await statusOf('203.0.113.7')) !== status; tries++) await sleep(100)
    return statusOf('203.0.113.7')
  }
  t.equal(await statusOf('203.0.113.7'), 0)
  await homing('block', '203.0.113.0/24')
  t.equal(await becomes(-1), -1)
  t.equal(await statusOf('203.0.114.7'), 0)
  await homing('unblock', '203.0.113.0/24')
  t.equal(await becomes(0), 0)
})
