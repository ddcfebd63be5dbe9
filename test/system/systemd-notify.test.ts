// `homing serve` under Type=notify: what arrives at systemd's socket, which here is a real one of our own.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startHoming } from './homing.js'
import { skipWithout } from './parts.js'

const isThere = (program: string): boolean => spawnSync(program, ['--version']).status === 0
const missing = ['systemd-notify', 'perl'].find(program => !isThere(program))
const skip = skipWithout('systemd', missing === undefined, `${missing} is missing: install systemd and perl`)

/** A line for each datagram. BARRIER=1 comes with a descriptor whose end tells systemd-notify that all was read. */
const listener = `
use IO::Socket::UNIX; use Socket; $| = 1;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die; print "listening\\n";
while (defined $socket->recv(my $said, 4096)) { $said =~ s/\\n/ /g; print "$said\\n" unless $said =~ /^BARRIER/ }`

interface Listener {
  readonly path: string
  readonly said: string[]
  /** Resolves when a datagram like this has come, after so many others. */
  heard(pattern: RegExp, after?: number): Promise<void>
}

async function listen(t: Test): Promise<Listener> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-notify-'))
  const path = join(folder, 'notify')
  const child: ChildProcess = spawn('perl', ['-e', listener, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  const said: string[] = []
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    const lines = (rest + part).split('\n')
    rest = lines.pop() ?? ''
    said.push(...lines.map(line => line.trim()))
  })
  const heard = async (pattern: RegExp, after = 0) => {
    for (let tries = 0; tries < 200; tries++) {
      if (said.slice(after).some(line => pattern.test(line))) return
      await sleep(25)
    }
    throw new Error(`not heard: ${pattern}, but ${said.join(' | ')}`)
  }
  await heard(/^listening$/)
  said.length = 0
  return { path, said, heard }
}

t.test('it is ready, reloads, lives and stops, in this order', { skip }, async t => {
  const systemd = await listen(t)
  const homing = await startHoming({ env: { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: '400000' } })
  t.teardown(homing.close)
  await systemd.heard(/^READY=1$/)
  await systemd.heard(/^WATCHDOG=1$/)

  const before = systemd.said.length
  homing.signal('SIGHUP')
  await systemd.heard(/^RELOADING=1 MONOTONIC_USEC=[0-9]+$/, before)
  await systemd.heard(/^READY=1$/, before)

  await homing.stop()
  await systemd.heard(/^STOPPING=1$/)
  const told = systemd.said.filter(line => line !== 'WATCHDOG=1').map(line => line.split(' ')[0])
  t.same(told, ['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1'])
})

t.test('a process that hangs says nothing, which is what the watchdog waits for', { skip }, async t => {
  const systemd = await listen(t)
  const homing = await startHoming({ env: { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: '200000' } })
  t.teardown(homing.close)
  await systemd.heard(/^WATCHDOG=1$/)
  homing.hang()
  await sleep(300)
  const before = systemd.said.length
  await sleep(600)
  t.equal(systemd.said.length, before)
  homing.resume()
  await systemd.heard(/^WATCHDOG=1$/, before)
})

t.test('a socket that nobody listens at is a warning, and the service runs', { skip }, async t => {
  const homing = await startHoming({ env: { NOTIFY_SOCKET: '/nonexistent/notify' } })
  t.teardown(homing.close)
  await homing.waitForLog('warning: systemd cannot be told READY=1')
  t.ok((await fetch(`${homing.url}/readyz`)).ok)
})

t.test('another process’s watchdog is not ours', { skip }, async t => {
  const systemd = await listen(t)
  const env = { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: '100000', WATCHDOG_PID: '1' }
  const homing = await startHoming({ env })
  t.teardown(homing.close)
  await systemd.heard(/^READY=1$/)
  await sleep(400)
  t.same(systemd.said, ['READY=1'])
})
