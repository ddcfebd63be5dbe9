// npm run bench -- dict [--seconds N] [--rounds N]
//
// Dict lookups per second over the unix socket, pipelined, on one core, beside a bare Fastify route on the same core in
// turn, by the clock and by the CPU time that an answer takes (which others on the machine disturb less); and what a start of
// checkpassword costs beside `true`, Perl and Node.

import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'libsql'
import { here, loadCore, openBenchProcesses, program, serverCore } from './bench-processes.js'
import type { LoadResult } from './load-result.js'
import { median } from './quantile.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
  },
})
const timing = { warmupMs: 1000, durationMs: Number(values.seconds) * 1000 }
const rounds = Number(values.rounds)
const USERS = 10_000
/** Of a machine whose bare Fastify route gives the second figure, one core carries the first. */
const GOAL = 40_000 / 25_000

const processes = openBenchProcesses()
const { folder } = processes
const attributes = 'rip=198.51.100.7/lip=192.0.2.1/real_rip=198.51.100.7/service=imap/mech=PLAIN/secured=TLS'
const nameOf = (index: number) => `p${String(index).padStart(7, '0')}@proxy.test`
const sample = Array.from({ length: 20_000 }, () => nameOf(Math.floor(Math.random() * USERS)))

try {
  await benchLookups()
  benchStarts(join(folder, 'cached.sock.http'))
} finally {
  processes.close()
}

async function benchLookups(): Promise<void> {
  const cached = await startHoming('cached', { HOMING_AUTH_CACHE_SIZE: '64M' })
  const uncached = await startHoming('uncached', {})
  const bare = await processes.start([here('bare-route.js')], /^(\d+)$/, { core: serverCore })
  const contenders: Record<string, Contender> = {
    'bare Fastify route': { pid: bare.pid, load: () => httpLoad(bare.number) },
    'dict lookup, cache on': { pid: cached.pid, load: () => dictLoad(cached.socket, lookup, false) },
    'the same, answers with ids': { pid: cached.pid, load: () => dictLoad(cached.socket, lookup, true) },
    'dict verify, cache on': { pid: cached.pid, load: () => dictLoad(cached.socket, verify, false) },
    'dict lookup, cache off': { pid: uncached.pid, load: () => dictLoad(uncached.socket, lookup, false) },
  }
  console.log(
    `\n${USERS} proxied users with a stored password in SQLite, server on one core, 4 connections, 64 questions in flight each`,
  )
  const results = await inTurn(contenders)
  print(results)
  console.log(`goal, of the bare route: ${GOAL.toFixed(2)}`)
}

function lookup(user: string): string {
  return `Lshared/passdb/${attributes}/master_user=/user=${user}\t${user}\n`
}

function verify(user: string): string {
  return `Lshared/passdb/${attributes}/master_user=/session=s/user=${user}/password=secret-pw\t${user}\n`
}

function fill(file: string): void {
  const database = new Database(file)
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${USERS - 1})
    INSERT INTO proxy_users (username, password, host, port, ssl_mode, destuser, active)
    SELECT printf('p%07d@proxy.test', i), '{PLAIN}secret-pw', 'backend' || (i % 8) || '.example.com', 143, 'starttls',
      printf('p%07d@backend.test', i), 1 FROM n`)
  database.close()
}

/** With a database of its own, as only one service may have a SQLite; resolves to its process and its dict socket. */
async function startHoming(name: string, env: Readonly<Record<string, string>>) {
  const file = join(folder, `${name}.db`)
  const socket = join(folder, `${name}.sock`)
  const all = {
    ...env,
    HOMING_DATABASE_URL: `sqlite:${file}`,
    HOMING_LISTEN: `["127.0.0.1:0", "unix:${socket}.http"]`,
    HOMING_DICT_LISTEN: `["unix:${socket}"]`,
  }
  processes.homing(['migrate'], all)
  fill(file)
  const options = { env: all, core: serverCore }
  const { pid } = await processes.start([program, 'serve'], /127\.0\.0\.1:(\d+)/, options)
  return { socket, pid }
}

function httpLoad(port: number): Promise<LoadResult> {
  const bodies = sample.map(user => JSON.stringify({ user, password: 'secret-pw', protocol: 'imap' }))
  return processes.runLoad(
    'http-load.js',
    { port, path: '/v1/passdb/verify', bodies, inFlight: 32, ...timing },
    loadCore,
  )
}

function dictLoad(socket: string, question: (user: string) => string, withIds: boolean): Promise<LoadResult> {
  const questions = sample.map(question)
  return processes.runLoad(
    'dict-load.js',
    { socket, questions, withIds, connections: 4, perConnection: 64, ...timing },
    loadCore,
  )
}

interface Contender {
  /** Whose CPU time is counted. */
  readonly pid: number
  readonly load: () => Promise<LoadResult>
}

interface Run extends LoadResult {
  readonly cpuMicros: number
}

/** Every contender once a round, so that a slow minute of the machine hits all of them. */
async function inTurn(contenders: Record<string, Contender>): Promise<Map<string, Run[]>> {
  const runs = new Map<string, Run[]>(Object.keys(contenders).map(name => [name, []]))
  // A program in JavaScript is compiled while it runs; what serves for weeks is not measured in its first seconds.
  for (const { load } of Object.values(contenders)) await load()
  for (let round = 0; round < rounds; round++) {
    for (const [name, { pid, load }] of Object.entries(contenders)) {
      const before = cpuSecondsOf(pid)
      const startedAt = performance.now()
      const result = await load()
      const answers = (result.requestsPerSecond * (performance.now() - startedAt)) / 1000
      runs.get(name)?.push({ ...result, cpuMicros: ((cpuSecondsOf(pid) - before) * 1e6) / answers })
    }
  }
  return runs
}

/** User and system time of a process; the kernel counts in hundredths of a second. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function print(table: Map<string, Run[]>): void {
  const [reference = []] = table.values()
  for (const [name, runs] of table) {
    const of = (key: 'requestsPerSecond' | 'p50Ms' | 'p99Ms' | 'cpuMicros') =>
      median(runs.map(run => run[key]))
    const ratio = (key: 'requestsPerSecond' | 'cpuMicros') =>
      median(runs.map((run, round) => run[key] / (reference[round]?.[key] ?? 0)))
    const words = [...new Set(runs.flatMap(result => Object.keys(result.statuses)))].join(' ')
    console.log(
      `${name.padEnd(27)} ${of('requestsPerSecond').toFixed(0).padStart(6)}/s, ${ratio('requestsPerSecond').toFixed(2)} of the bare route; ` +
        `${of('cpuMicros').toFixed(1).padStart(5)} us of CPU each, so ${(1 / ratio('cpuMicros')).toFixed(2)} of the bare route; ` +
        `p50 ${of('p50Ms').toFixed(1)} ms, p99 ${of('p99Ms').toFixed(1)} ms (answers: ${words})`,
    )
  }
}

function benchStarts(http: string): void {
  const checkpassword = join(import.meta.dirname, '../../../deploy/dovecot-2.3/checkpassword')
  const input = join(folder, 'fd3')
  writeFileSync(input, `${nameOf(1)}\0secret-pw\0\0`)
  console.log('\na start, in milliseconds: fastest, median, 90 %')
  const contenders: Record<string, readonly string[]> = {
    true: ['/bin/true'],
    'perl -e 1': ['/usr/bin/perl', '-e', '1'],
    'checkpassword, nobody listening': [checkpassword, '--socket=/nonexistent'],
    'checkpassword, a whole login': [checkpassword, `--socket=${http}`],
    'perl with Socket.pm': ['/usr/bin/perl', '-MSocket', '-e', '1'],
    'node, nothing but net': [process.execPath, '-e', 'require("net")'],
  }
  const took = new Map<string, number[]>(Object.keys(contenders).map(name => [name, []]))
  for (let round = 0; round < 30; round++) {
    for (const [name, [command = '', ...args]] of Object.entries(contenders)) {
      const startedAt = performance.now()
      const fd = openSync(input, 'r')
      spawnSync(command, args, { stdio: ['ignore', 'ignore', 'ignore', fd, 'pipe'] })
      took.get(name)?.push(performance.now() - startedAt)
      closeSync(fd)
    }
  }
  for (const [name, all] of took) {
    const sorted = all.sort((a, b) => a - b)
    const at = (share: number) => (sorted[Math.floor(share * sorted.length)] ?? 0).toFixed(1)
    console.log(`${name.padEnd(32)} ${at(0)}  ${at(0.5)}  ${at(0.9)}`)
  }
}
