// npm run bench -- scale [--users N] [--seconds N] [--rounds N]
//
// Does it get slower with more users, or less per core with more copies? Uncached lookups among N proxied users in MariaDB
// beside the same among 10,000, in turn; and logins per second of the copies' own CPU time, with one copy and with three
// behind HAProxy. Ratios are of the same run; absolute figures are those of a shared machine.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startBalancer } from '../system/balancers.js'
import { type RunningHoming, startHoming } from '../system/homing.js'
import { type MariadbServer, startMariadb } from '../system/mariadb-server.js'
import type { LoadResult } from './load-result.js'
import { median } from './quantile.js'

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '10000000' },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
  },
})
const FEW = 10_000
const many = Number(values.users)
const rounds = Number(values.rounds)
const timing = { warmupMs: 500, durationMs: Number(values.seconds) * 1000 }
const IN_FLIGHT = 16
const generator = join(import.meta.dirname, 'http-load.js')
const folder = mkdtempSync(join(tmpdir(), 'homing-scale-'))
const nameOf = (index: number) => `u${index}@proxy.test`

const server = await startMariadb({ args: ['--innodb-buffer-pool-size=4G', '--innodb-log-file-size=512M'] })
const opened: RunningHoming[] = []
try {
  const few = await serviceWith(server, 'few', FEW)
  const more = await serviceWith(server, 'many', many)
  compareSizes(few, more)
  await compareCopies(server)
} finally {
  for (const homing of opened) await homing.close()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
}

async function serviceWith(server: MariadbServer, name: string, users: number): Promise<RunningHoming> {
  const url = await server.createDatabase(name)
  const homing = await startHoming({ database: { url, execute: sql => server.execute(sql, name) } })
  opened.push(homing)
  const startedAt = performance.now()
  const user = `concat('u', seq, '@proxy.test')`
  // In pieces: one transaction of ten millions would be twice as much to write.
  for (let from = 0; from < users; from += 500_000) {
    const to = Math.min(users, from + 500_000) - 1
    await server.execute(
      `insert into proxy_users (username, password, host, ssl_mode) select ${user}, '{PLAIN}secret', concat('backend', seq % 8, '.test'), 'starttls' from seq_${from}_to_${to}`,
      name,
    )
  }
  await server.execute('analyze table proxy_users', name)
  const seconds = (performance.now() - startedAt) / 1000
  console.log(`${users} proxied users in ${seconds.toFixed(0)} s`)
  return homing
}

function compareSizes(few: RunningHoming, more: RunningHoming): void {
  const results: Record<string, LoadResult[]> = { few: [], many: [] }
  for (let round = 0; round < rounds; round++) {
    results.few?.push(load(portOf(few), sampleOf(FEW), few.token))
    results.many?.push(load(portOf(more), sampleOf(many), more.token))
  }
  const of = (name: string, figure: (result: LoadResult) => number) =>
    median((results[name] ?? []).map(figure))
  for (const [name, count] of [
    ['few', FEW],
    ['many', many],
  ] as const) {
    console.log(
      `${String(count).padStart(9)} users: ${of(name, r => r.requestsPerSecond).toFixed(0)} uncached lookups/s, ` +
        `p50 ${of(name, r => r.p50Ms).toFixed(2)} ms, p99 ${of(name, r => r.p99Ms).toFixed(2)} ms`,
    )
  }
  const ratio = of('many', r => r.p99Ms) / of('few', r => r.p99Ms)
  console.log(`p99 with ${many} users is ${ratio.toFixed(2)} of that with ${FEW} (wanted: at most 1.2)`)
}

/** CPU time of the copies alone counts: load, balancer and database share the two cores with them. */
async function compareCopies(server: MariadbServer): Promise<void> {
  const execute = (sql: string) => server.execute(sql, 'few')
  const database = { url: server.url('few'), execute }
  const config = 'auth_cache_size = "32M"'
  const copies = [await startHoming({ database, config })]
  for (let at = 0; at < 2; at++) copies.push(await startHoming({ database, config }))
  opened.push(...copies)
  const bodies = sampleOf(2000)
  const perCore: Record<number, number[]> = { 1: [], 3: [] }
  for (let round = 0; round < rounds; round++) {
    for (const count of [1, 3]) {
      const used = copies.slice(0, count)
      const ports = [0, 1, 2].map(at => portOf(used[at] ?? (used[0] as RunningHoming)))
      const balancer = await startBalancer('haproxy', { copies: ports })
      await new Promise(resolve => setTimeout(resolve, 800))
      // Each copy has as much to do as the one: fewer questions at once cost more each.
      const logIn = () => load(balancer.port, bodies, used[0]?.token ?? '', IN_FLIGHT * count)
      logIn()
      const before = cpuSeconds(used)
      const { answers } = logIn()
      perCore[count]?.push(answers / (cpuSeconds(used) - before))
      await balancer.stop()
    }
  }
  const [one, three] = [median(perCore[1] ?? []), median(perCore[3] ?? [])]
  console.log(`1 copy:   ${one.toFixed(0)} logins per second of its CPU time`)
  console.log(`3 copies: ${three.toFixed(0)}, ${(three / one).toFixed(2)} of that (wanted: at least 0.90)`)
}

function sampleOf(users: number): string[] {
  return Array.from({ length: 20_000 }, () =>
    JSON.stringify({ user: nameOf(Math.floor(Math.random() * users)), password: 'secret', protocol: 'imap' }),
  )
}

function load(port: number, bodies: readonly string[], token: string, inFlight = IN_FLIGHT): LoadResult {
  const file = join(folder, 'load.json')
  writeFileSync(file, JSON.stringify({ port, path: '/v1/passdb/verify', bodies, inFlight, token, ...timing }))
  const result = JSON.parse(
    execFileSync(process.execPath, [generator, file], { encoding: 'utf8' }),
  ) as LoadResult
  const bad = Object.keys(result.statuses).filter(status => status !== '200')
  if (bad.length > 0) throw new Error(`not all was answered: ${JSON.stringify(result.statuses)}`)
  return result
}

function portOf({ url }: RunningHoming): number {
  return Number(new URL(url).port)
}

/** utime and stime of proc(5), in the kernel's hundredths of a second. */
function cpuSeconds(copies: readonly RunningHoming[]): number {
  return copies.reduce((sum, { pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return sum + (Number(fields[11]) + Number(fields[12])) / 100
  }, 0)
}
