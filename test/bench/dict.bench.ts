// npm run bench -- dict [--seconds N] [--rounds N]
//
// Dict lookups per second over the unix socket, pipelined, on one core, beside a bare Fastify route on the same core in
// turn; and what a start of checkpassword costs beside `true`, Perl and Node.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import Database from 'libsql'
import type { LoadResult } from './load-result.js'

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

const here = (name: string) => join(import.meta.dirname, name)
const program = here('../../src/cli/homing.js')
const folder = mkdtempSync(join(tmpdir(), 'homing-bench-'))
const children: ChildProcess[] = []
const [serverCore, loadCore] = existsSync('/usr/bin/taskset') ? ['0', '1'] : [undefined, undefined]
const attributes = 'rip=198.51.100.7/lip=192.0.2.1/real_rip=198.51.100.7/service=imap/mech=PLAIN/secured=TLS'
const nameOf = (index: number) => `p${String(index).padStart(7, '0')}@proxy.test`
const sample = Array.from({ length: 20_000 }, () => nameOf(Math.floor(Math.random() * USERS)))

try {
  await benchLookups()
  benchStarts(join(folder, 'cached.sock.http'))
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

async function benchLookups(): Promise<void> {
  const url = `sqlite:${join(folder, 'bench.db')}`
  execFileSync(process.execPath, [program, 'migrate'], {
    cwd: folder,
    env: { ...process.env, HOMING_DATABASE_URL: url },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  fill(join(folder, 'bench.db'))
  const cached = await startHoming(url, 'cached', { HOMING_AUTH_CACHE_SIZE: '64M' })
  const uncached = await startHoming(url, 'uncached', {})
  const bare = await start([process.execPath, here('bare-route.js')], {}, /^(\d+)$/, serverCore)
  const contenders: Record<string, () => Promise<LoadResult>> = {
    'bare Fastify route': () => httpLoad(bare),
    'dict lookup, cache on': () => dictLoad(cached, lookup, false),
    'the same, answers with ids': () => dictLoad(cached, lookup, true),
    'dict verify, cache on': () => dictLoad(cached, verify, false),
    'dict lookup, cache off': () => dictLoad(uncached, lookup, false),
  }
  console.log(
    `\n${USERS} proxied users with a stored password in SQLite, server on one core, 4 connections, 64 questions in flight each`,
  )
  const results = await inTurn(contenders)
  const [bareRate = 0] = print(results)
  console.log(`goal, of the bare route: ${GOAL.toFixed(2)} (${(bareRate * GOAL).toFixed(0)}/s here)`)
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

/** Resolves to its dict socket once it is ready. */
async function startHoming(
  url: string,
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const socket = join(folder, `${name}.sock`)
  const all = {
    ...env,
    HOMING_DATABASE_URL: url,
    HOMING_LISTEN: `["127.0.0.1:0", "unix:${socket}.http"]`,
    HOMING_DICT_LISTEN: `["unix:${socket}"]`,
  }
  await start([process.execPath, program, 'serve'], all, /127\.0\.0\.1:(\d+)/, serverCore)
  return socket
}

/** Resolves to the number that the output shows first. */
function start(
  line: readonly string[],
  env: Readonly<Record<string, string>>,
  pattern: RegExp,
  core: string | undefined,
): Promise<number> {
  const [command = '', ...args] = [...pin(core), ...line]
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return new Promise((resolve, reject) => {
    child.on('exit', code => reject(new Error(`the server ended with ${code} before it was ready`)))
    createInterface(child.stdout).on('line', line => {
      const found = pattern.exec(line)
      if (found) resolve(Number(found[1]))
    })
  })
}

function pin(core: string | undefined): string[] {
  return core === undefined ? [] : ['taskset', '-c', core]
}

function httpLoad(port: number): Promise<LoadResult> {
  const bodies = sample.map(user => JSON.stringify({ user, password: 'secret-pw', protocol: 'imap' }))
  return runLoad('http-load.js', { port, path: '/v1/passdb/verify', bodies, inFlight: 32, ...timing })
}

function dictLoad(socket: string, question: (user: string) => string, withIds: boolean): Promise<LoadResult> {
  const questions = sample.map(question)
  return runLoad('dict-load.js', { socket, questions, withIds, connections: 4, perConnection: 64, ...timing })
}

function runLoad(generator: string, load: object): Promise<LoadResult> {
  const file = join(folder, 'load.json')
  writeFileSync(file, JSON.stringify(load))
  const [command = '', ...args] = [...pin(loadCore), process.execPath, here(generator), file]
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (text: Buffer) => {
      output += text
    })
    child.on('exit', code =>
      code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`the load generator ended with ${code}`)),
    )
  })
}

/** Every contender once a round, so that a slow minute of the machine hits all of them. */
async function inTurn(contenders: Record<string, () => Promise<LoadResult>>) {
  const results = new Map<string, LoadResult[]>()
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      results.set(name, [...(results.get(name) ?? []), await run()])
    }
  }
  return results
}

/** Prints a row each and returns the rates; the ratio is that of each round, then the median of them. */
function print(table: Map<string, LoadResult[]>): number[] {
  const [reference = []] = table.values()
  return [...table].map(([name, results]) => {
    const rate = median(results.map(result => result.requestsPerSecond))
    const ratios = results.map(
      (result, round) => result.requestsPerSecond / (reference[round]?.requestsPerSecond ?? 0),
    )
    const words = [...new Set(results.flatMap(result => Object.keys(result.statuses)))].join(' ')
    const of = (key: 'p50Ms' | 'p99Ms' | 'generatorPercent') => median(results.map(result => result[key]))
    console.log(
      `${name.padEnd(28)} ${rate.toFixed(0).padStart(7)}/s  p50 ${of('p50Ms').toFixed(2)} ms  ` +
        `p99 ${of('p99Ms').toFixed(2)} ms  ${median(ratios).toFixed(2)} of the bare route  ` +
        `(answers: ${words}; load generator at ${of('generatorPercent').toFixed(0)} % of a core)`,
    )
    return rate
  })
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

function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
