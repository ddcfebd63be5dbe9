// Where nobody can take its log, the service goes on without.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { freePorts } from './free-ports.js'

const program = join(import.meta.dirname, '../../src/cli/homing.js')
const folder = await mkdtemp(join(tmpdir(), 'homing-log-trouble-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))

async function start(t: Test, stdout: number | 'pipe') {
  const [port = 0] = await freePorts(1)
  const config = join(folder, `${port}.toml`)
  await writeFile(config, `database_url = "sqlite:${folder}/${port}.db"\nlisten = ["127.0.0.1:${port}"]\n`)
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', process.execPath, program, 'serve', '--config', config],
    {
      stdio: ['ignore', stdout, 'ignore'],
    },
  )
  t.teardown(() => end(child))
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; tries < 400; tries++) {
    if ((await fetch(`${url}/readyz`).catch(() => undefined))?.ok) return { child, url }
    await sleep(25)
  }
  throw new Error('it is not ready')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function login(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'anna@x', password: 'x', session: 'x'.repeat(1000) }),
  })
  return ((await response.json()) as { result: string }).result
}

async function dropped(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^homing_log_lines_dropped_total (\d+)$/m.exec(text)?.[1])
}

t.test('a disk that is full costs log lines, which are counted', async t => {
  const fd = openSync('/dev/full', 'w')
  const { child, url } = await start(t, fd)
  closeSync(fd)
  for (let n = 0; n < 20; n++) t.equal(await login(url), 'user_unknown')
  for (let tries = 0; tries < 40 && (await dropped(url)) < 20; tries++) await sleep(50)
  t.ok((await dropped(url)) >= 20)
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null])
})

t.test('a pipe whose reader is gone ends nothing', async t => {
  const { child, url } = await start(t, 'pipe')
  child.stdout?.destroy()
  for (let n = 0; n < 20; n++) t.equal(await login(url), 'user_unknown')
  await sleep(1100)
  t.equal(await login(url), 'user_unknown')
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null])
})

t.test('a pipe that nobody reads holds up neither a login nor the end', async t => {
  const fifo = join(folder, 'fifo')
  await promisify(execFile)('mkfifo', [fifo])
  const fd = openSync(fifo, 'r+')
  const { child, url } = await start(t, fd)
  const startedAt = performance.now()
  for (let n = 0; n < 200; n++) await login(url)
  t.ok(performance.now() - startedAt < 10_000)
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null])
  closeSync(fd)
})
