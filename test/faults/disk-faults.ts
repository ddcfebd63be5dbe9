// What happens to disks: the embedded database's, and that of the log.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Database from 'libsql'
import { type RunningHoming, sqliteFile, startHoming } from '../system/homing.js'
import { all, atMost, claim, type Fault, p99, recovers } from './fault.js'

const run = promisify(execFile)
const nothing = () => {}
const program = fileURLToPath(new URL('../../src/cli/homing.js', import.meta.url))

/** A file system of so many bytes; only root can have one. */
async function smallDisk<T>(size: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder])
  try {
    return await use(folder)
  } finally {
    await run('umount', ['-l', folder])
    await rm(folder, { recursive: true, force: true })
  }
}

const fullDisk: Fault = {
  id: 'T10',
  title: 'SQLite: the disk is full',
  figure: 'reads go on, writes fail loudly, file intact',
  lastsMs: 0,
  inject: nothing,
  during: () =>
    smallDisk('3M', async folder => {
      const path = join(folder, 'homing.db')
      const homing = await startHoming({ database: sqliteFile(path) })
      try {
        await homing.addAccounts({
          localUsers: [{ username: 'anna@x', password: '{PLAIN}secret', home: '/h', uid: 1, gid: 1 }],
        })
        await run('dd', ['if=/dev/zero', `of=${join(folder, 'filler')}`, 'bs=1k']).catch(nothing)
        const full = [await write(path), await login(homing)]
        await rm(join(folder, 'filler'))
        const freed = [await write(path), await login(homing)]
        return all(
          claim(`full: ${full}; freed: ${freed}`, true),
          claim(
            'only writes failed, and only then',
            full[0] !== 'written' && full[1] === 'ok' && freed[0] === 'written' && freed[1] === 'ok',
          ),
          integrity(path),
        )
      } finally {
        await homing.close()
      }
    }),
  heal: nothing,
  expect: effect => recovers(effect, 1000),
}

let written = 0

/** By the command, as an administrator would; what it said when it did not. */
async function write(path: string): Promise<string> {
  const args = ['proxy-user', 'add', `new${written++}@x`, '--host', 'backend.test']
  const env = { ...process.env, HOMING_DATABASE_URL: `sqlite:${path}` }
  const child = run(process.execPath, [program, ...args], { env })
  return child.then(
    () => 'written',
    ({ code, stderr }) => `exit ${code} ${/SQLITE_\w+/.exec(stderr)?.[0] ?? String(stderr).split('\n')[0]}`,
  )
}

async function login({ url, token }: RunningHoming): Promise<string> {
  const response = await fetch(`${url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ user: 'anna@x', password: 'secret' }),
  })
  return ((await response.json()) as { result: string }).result
}

function integrity(path: string) {
  const found = new Database(path).pragma('integrity_check') as readonly { integrity_check: string }[]
  return claim('integrity_check ok', found[0]?.integrity_check === 'ok')
}

/** A process that writes is killed at any moment; what it said was written is there. */
export function killedWriters(times: number): Fault {
  return {
    id: 'T10',
    title: `SQLite: ${times} processes are killed (kill -9) while they write`,
    figure: 'integrity_check ok each time, 0 acknowledged lost',
    lastsMs: 0,
    inject: nothing,
    during: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'homing-writers-'))
      const path = join(folder, 'homing.db')
      const writer = fileURLToPath(new URL('../system/fixtures/sqlite-writer.js', import.meta.url))
      await run(process.execPath, [program, 'migrate'], {
        env: { ...process.env, HOMING_DATABASE_URL: `sqlite:${path}` },
      })
      const acknowledged: string[] = []
      let broken = 0
      for (let at = 0; at < times; at++) {
        const child = spawn(process.execPath, [writer, path, String(at * 10_000)], {
          stdio: ['ignore', 'pipe', 'ignore'],
        })
        let output = ''
        child.stdout.on('data', bytes => {
          output += bytes
        })
        await Promise.race([once(child.stdout, 'data'), sleep(10_000)])
        await sleep(Math.random() * 80)
        child.kill('SIGKILL')
        await once(child, 'close')
        acknowledged.push(...output.split('\n').slice(0, -1))
        if (!integrity(path).good) broken++
      }
      const database = new Database(path)
      const stored = new Set(database.prepare('select username from proxy_users').pluck().all([]))
      database.close()
      await rm(folder, { recursive: true, force: true })
      const lost = acknowledged.filter(name => !stored.has(name)).length
      return claim(`${lost} of ${acknowledged.length} lost, ${broken} files broken`, lost + broken === 0)
    },
    heal: nothing,
    expect: effect => recovers(effect, 2000),
  }
}

function log(title: string, output: (folder: string) => Promise<string>, drops: boolean): Fault {
  return {
    id: 'T11',
    title,
    figure: 'p99 ≤ 2×, dropped lines are counted',
    lastsMs: 0,
    inject: nothing,
    during: async site => {
      const folder = await mkdtemp(join(tmpdir(), 'homing-log-'))
      const target = await output(folder)
      // Whoever holds it open for reading and writing never blocks, and never reads.
      const holder = await open(target, constants.O_RDWR | constants.O_NONBLOCK)
      const wrapper = ['sh', '-c', `exec "$@" >${target} 2>&1`, 'sh']
      const [well, copy] = [await site.topology.startCopy(), await site.topology.startCopy({ wrapper })]
      try {
        const tails = await Promise.all(
          [well, copy].map(({ url }) =>
            site.alsoAsk(url, 150, async load => {
              await sleep(6000)
              return load.seen(0)
            }),
          ),
        )
        const [asUsual, blocked] = tails.map(p99)
        const metrics = await (await fetch(`${copy.url}/metrics`)).text()
        const dropped = Number(/^homing_log\w*dropped\w* (\d+)/m.exec(metrics)?.[1] ?? 0)
        return all(
          atMost('p99', blocked ?? 0, 2 * (asUsual ?? 0), 'ms', 30),
          // A pipe and what is kept in memory hold some thousands.
          claim(`${dropped} lines dropped`, !drops || dropped > 0),
          claim(
            'all answered',
            tails.flat().every(({ verdict }) => verdict === 'right'),
          ),
        )
      } finally {
        await Promise.all([copy.close(), well.close()])
        await holder.close()
        await rm(folder, { recursive: true, force: true })
      }
    },
    heal: nothing,
    expect: effect => recovers(effect, 2000),
  }
}

export const diskFaults: readonly Fault[] = [
  fullDisk,
  log('the disk of the log is full', async () => '/dev/full', true),
  log(
    'nobody reads the log any more',
    async folder => {
      await run('mkfifo', [join(folder, 'pipe')])
      return join(folder, 'pipe')
    },
    false,
  ),
]
