// npm run bench -- login [--seconds N] [--users N]
//
// How many logins per second, beside what they are to be compared with, in the same run and in turn:
// SQLite beside a bare Fastify route with the same schemas; MariaDB beside Dovecot's own `passdb sql` without
// its cache. Also the time to ready and the memory of the idle service.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'libsql'
import mysql from 'mysql2/promise'
import { startDovecotAuth } from '../conformance/chain/dovecot-auth.js'
import { type MariadbServer, startMariadb, whyNoMariadb } from '../system/mariadb-server.js'
import { here, loadCore, openBenchProcesses, program, serverCore } from './bench-processes.js'
import { inTurn } from './in-turn.js'
import type { LoadResult } from './load-result.js'
import { median } from './quantile.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    users: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
  },
})
const users = Number(values.users)
const timing = { warmupMs: 1000, durationMs: Number(values.seconds) * 1000 }
const rounds = Number(values.rounds)

/** The name of the reference. */
const DOVECOT = "Dovecot 2.3's passdb sql, no cache"
const processes = openBenchProcesses()
const { folder } = processes
const nameOf = (index: number) => `p${String(index).padStart(7, '0')}@proxy.test`
const sample = Array.from({ length: 20_000 }, () => nameOf(Math.floor(Math.random() * users)))

try {
  await benchSqlite()
  const reason = whyNoMariadb()
  if (reason === undefined) await benchMariadb()
  else console.log(`MariaDB: not measured, ${reason}`)
} finally {
  processes.close()
}

async function benchSqlite(): Promise<void> {
  const url = `sqlite:${join(folder, 'bench.db')}`
  processes.homing(['migrate'], { HOMING_DATABASE_URL: url })
  fillSqlite(join(folder, 'bench.db'))
  const homing = await startHoming(url, serverCore)
  const bare = await processes.start([here('bare-route.js')], /^(\d+)$/, { core: serverCore })
  console.log(`\nSQLite, ${users} proxied users, server on one core, 32 in flight`)
  const table = await inTurn(
    {
      'bare route': () => httpLoad(bare.number, '/v1/passdb/verify', 32, loadCore),
      'verify, proxied user': () => httpLoad(homing.port, '/v1/passdb/verify', 32, loadCore),
      'lookup, proxied user': () => httpLoad(homing.port, '/v1/passdb/lookup', 32, loadCore),
    },
    rounds,
  )
  print(table, 'bare route')
  console.log(
    `ready after ${homing.readyMs.toFixed(0)} ms, ${homing.idleMiB.toFixed(0)} MiB resident when idle`,
  )
}

async function benchMariadb(): Promise<void> {
  const server = await startMariadb({ args: ['--innodb-buffer-pool-size=256M'] })
  try {
    await server.createDatabase('bench')
    const url = server.url('bench')
    processes.homing(['migrate'], { HOMING_DATABASE_URL: url })
    await fillMariadb(server)
    const homing = await startHoming(url)
    const contenders: Record<string, () => Promise<LoadResult>> = {
      'Homing verify over HTTP': () => httpLoad(homing.port, '/v1/passdb/verify', 64),
      'Homing lookup over HTTP': () => httpLoad(homing.port, '/v1/passdb/lookup', 64),
    }
    const dovecot = await dovecotWithSql(server)
    if (dovecot) contenders[DOVECOT] = () => dovecotLoad(dovecot.clientSocket)
    console.log(`\nMariaDB, ${users} proxied users, both cores shared by all, 64 in flight`)
    print(await inTurn(contenders, rounds), dovecot ? DOVECOT : 'Homing verify over HTTP')
    await dovecot?.stop()
  } finally {
    await server.stop()
  }
}

async function startHoming(databaseUrl: string, core?: string) {
  const startedAt = performance.now()
  const env = { HOMING_DATABASE_URL: databaseUrl, HOMING_LISTEN: '127.0.0.1:0' }
  const { pid, number } = await processes.start([program, 'serve'], /127\.0\.0\.1:(\d+)/, { env, core })
  const readyMs = performance.now() - startedAt
  await new Promise(resolve => setTimeout(resolve, 2000))
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return { port: number, readyMs, idleMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024 }
}

function httpLoad(port: number, path: string, inFlight: number, core?: string): Promise<LoadResult> {
  const bodies = sample.map((user, index) =>
    JSON.stringify({
      user,
      password: 'secret-pw',
      protocol: 'imap',
      mechanism: 'PLAIN',
      secured: 'tls',
      remote_ip: '198.51.100.7',
      local_ip: '192.0.2.1',
      session: `s${index}`,
    }),
  )
  return processes.runLoad('http-load.js', { port, path, bodies, inFlight, ...timing }, core)
}

function dovecotLoad(socket: string): Promise<LoadResult> {
  const load = { socket, users: sample, password: 'secret-pw', connections: 8, perConnection: 8, ...timing }
  return processes.runLoad('dovecot-load.js', load)
}

function print(table: ReadonlyMap<string, readonly LoadResult[]>, reference: string): void {
  const rateOf = (name: string) => median((table.get(name) ?? []).map(result => result.requestsPerSecond))
  for (const [name, results] of table) {
    const statuses = [...new Set(results.flatMap(result => Object.keys(result.statuses)))].join(' ')
    const p50 = median(results.map(result => result.p50Ms)).toFixed(2)
    const p99 = median(results.map(result => result.p99Ms)).toFixed(2)
    const ratio = (rateOf(name) / rateOf(reference)).toFixed(2)
    const generator = median(results.map(result => result.generatorPercent)).toFixed(0)
    console.log(
      `${name.padEnd(36)} ${rateOf(name).toFixed(0).padStart(7)}/s  p50 ${p50} ms  p99 ${p99} ms  ` +
        `${ratio} of ${reference}  (answers: ${statuses}; load generator at ${generator} % of a core)`,
    )
  }
}

function fillSqlite(file: string): void {
  const database = new Database(file)
  database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${users - 1})
    INSERT INTO proxy_users (username, host, port, ssl_mode, destuser, active)
    SELECT printf('p%07d@proxy.test', i), 'backend' || (i % 8) || '.example.com', 143, 'starttls',
      printf('p%07d@backend.test', i), 1 FROM n`)
  database.close()
}

async function fillMariadb(server: MariadbServer): Promise<void> {
  const connection = await mysql.createConnection(server.url('bench'))
  await connection.query(`
    INSERT INTO proxy_users (username, host, port, ssl_mode, destuser, active)
    SELECT CONCAT('p', LPAD(seq, 7, '0'), '@proxy.test'), CONCAT('backend', seq % 8, '.example.com'), 143, 'starttls',
      CONCAT('p', LPAD(seq, 7, '0'), '@backend.test'), 1 FROM seq_0_to_${users - 1}`)
  await connection.query('ANALYZE TABLE proxy_users')
  await connection.end()
}

/** The guide's proxy passdb, made right, without an auth cache; undefined where there is no Dovecot 2.3 with mysql. */
async function dovecotWithSql(server: MariadbServer) {
  if (!existsSync('/usr/lib/dovecot/modules/auth/libdriver_mysql.so') || process.getuid?.() !== 0) {
    console.log('Dovecot: not measured, it needs root and dovecot-mysql')
    return undefined
  }
  return startDovecotAuth(
    { version: '2.3', root: '/' },
    {
      config: `
auth_cache_size = 0
passdb {
  driver = sql
  args = FOLDER/proxy-sql.conf.ext
}
service auth {
  client_limit = 4000
}
`,
      files: {
        'proxy-sql.conf.ext': `
driver = mysql
connect = host=127.0.0.1 port=${server.port} dbname=bench user=${server.user} password=${server.password}
password_query = SELECT NULL AS password, 'Y' AS nopassword, host, port, 'Y' AS proxy, \\
  IF(ssl_mode = 'starttls', 'yes', NULL) AS starttls, IF(ssl_mode = 'ssl', 'yes', NULL) AS \`ssl\`, \\
  'Y' AS nodelay, destuser, 'Y' AS proxy_nopipelining FROM proxy_users WHERE username = '%u' AND active = 1
`,
      },
    },
  )
}
