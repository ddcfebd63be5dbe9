// npm run bench -- cache [--seconds N] [--entries N]
//
// What the auth cache costs and what it saves: bytes an entry takes, the time of a hit in a small and in a big cache,
// cached lookups beside a bare Fastify route, and repeated logins of SHA512-CRYPT users beside Dovecot 2.3's own cache.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startDovecotAuth } from '../conformance/chain/dovecot-auth.js'
import { type MariadbServer, startMariadb, whyNoMariadb } from '../system/mariadb-server.js'
import { here, loadCore, openBenchProcesses, program, serverCore } from './bench-processes.js'
import { inTurn } from './in-turn.js'
import type { LoadResult } from './load-result.js'
import { nameOfProxied } from './proxied-users.js'
import { median } from './quantile.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    entries: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
  },
})
const timing = { warmupMs: 2000, durationMs: Number(values.seconds) * 1000 }
const rounds = Number(values.rounds)
const USERS = 1000
/** Questions that differ, at most. */
const ASKED = 50_000
const PASSWORD = 'secret-pw'
const nameOf = (index: number) => `l${String(index).padStart(7, '0')}@local.test`
const sample = Array.from({ length: USERS }, (_, index) => nameOf(index))
const processes = openBenchProcesses()

try {
  benchMemory()
  await benchSizes()
  const reason = whyNoMariadb()
  if (reason === undefined) await benchLogins()
  else console.log(`logins: not measured, ${reason}`)
} finally {
  processes.close()
}

/** Each size in a process of its own, with nothing else in its memory. */
function benchMemory(): void {
  const measure = (entries: number) =>
    JSON.parse(
      execFileSync(process.execPath, ['--expose-gc', here('cache-memory.js'), String(entries)]).toString(),
    ) as { residentBytes: number; accountedBytes: number; hitMicros: number }
  const small = measure(1000)
  const big = measure(Number(values.entries))
  console.log(
    `\n${values.entries} entries: ${big.residentBytes.toFixed(0)} resident bytes each, accounted as ` +
      `${big.accountedBytes.toFixed(0)} (${(big.residentBytes / big.accountedBytes).toFixed(2)} times)`,
  )
  console.log(
    `a hit takes ${big.hitMicros.toFixed(2)} µs among ${values.entries} entries, ${small.hitMicros.toFixed(2)} µs ` +
      `among 1000 (ratio ${(big.hitMicros / small.hitMicros).toFixed(2)}), without HTTP`,
  )
}

/** How long a hit takes whoever asks for it, among few entries and among many: one question after the other, by turns. */
async function benchSizes(): Promise<void> {
  const many = Number(values.entries)
  const serverOf = async (entries: number) => {
    const args = ['--expose-gc', '--max-old-space-size=4096', here('cached-server.js'), String(entries)]
    return (await processes.start(args, /^(\d+)$/, { core: serverCore })).number
  }
  const [few, more] = [await serverOf(USERS), await serverOf(many)]
  const ask = (port: number, entries: number) => {
    // Spread over all entries, so that no processor's cache holds what is asked for.
    const bodies = Array.from({ length: Math.min(entries, ASKED) }, (_, index) =>
      JSON.stringify({ user: nameOfProxied((index * 7919) % entries), protocol: 'imap', secured: 'tls' }),
    )
    return processes.runLoad(
      'http-load.js',
      { port, path: '/v1/passdb/lookup', bodies, inFlight: 1, ...timing },
      loadCore,
    )
  }
  console.log('\na hit over HTTP, one after the other, server on one core')
  const [small, big] = [`among ${USERS}`, `among ${many}`]
  const table = await inTurn({ [small]: () => ask(few, USERS), [big]: () => ask(more, many) }, rounds)
  print(table, small)
  const p50 = (name: string) => median((table.get(name) ?? []).map(result => result.p50Ms))
  console.log(`latency ratio ${(p50(big) / p50(small)).toFixed(2)} (to reach: under 1.2)`)
  processes.stop()
}

async function benchLogins(): Promise<void> {
  const server = await startMariadb()
  try {
    await server.createDatabase('bench')
    const env = { HOMING_DATABASE_URL: server.url('bench'), HOMING_AUTH_CACHE_SIZE: '16M' }
    processes.homing(['migrate'], env)
    await fill(server)

    const pinned = await startHoming(env, serverCore)
    const bare = await processes.start([here('bare-route.js')], /^(\d+)$/, { core: serverCore })
    console.log(`\ncached answers about ${USERS} proxied users, server on one core, 32 in flight`)
    print(
      await inTurn(
        {
          'bare route': () => httpLoad(bare.number, '/v1/passdb/verify', 'proxy.test', 32, loadCore),
          'cached lookup': () => httpLoad(pinned, '/v1/passdb/lookup', 'proxy.test', 32, loadCore),
          'cached verify': () => httpLoad(pinned, '/v1/passdb/verify', 'proxy.test', 32, loadCore),
        },
        rounds,
      ),
      'bare route',
    )

    const homing = await startHoming(env)
    const contenders: Record<string, () => Promise<LoadResult>> = {
      'Homing over HTTP': () => httpLoad(homing, '/v1/passdb/verify', 'local.test', 64),
    }
    const dovecot = await dovecotWithSql(server)
    const reference = dovecot ? 'Dovecot 2.3' : 'Homing over HTTP'
    if (dovecot) contenders['Dovecot 2.3'] = () => dovecotLoad(dovecot.clientSocket)
    console.log(
      `\nrepeated logins of ${USERS} SHA512-CRYPT users, caches of 16M, both cores shared by all, 64 in flight`,
    )
    print(await inTurn(contenders, rounds), reference)
    await dovecot?.stop()
  } finally {
    await server.close()
  }
}

async function fill(server: MariadbServer): Promise<void> {
  const hash = execFileSync(process.execPath, [program, 'pw', '-s', 'SHA512-CRYPT'], {
    input: PASSWORD,
    env: { ...process.env },
  })
    .toString()
    .trim()
  await server.execute(
    `INSERT INTO local_users (username, password, home, uid, gid, active)
      SELECT CONCAT('l', LPAD(seq, 7, '0'), '@local.test'), '${hash}', '/srv/mail', 1000, 1000, 1 FROM seq_0_to_${USERS - 1};
    INSERT INTO proxy_users (username, host, port, ssl_mode, destuser, active)
      SELECT CONCAT('l', LPAD(seq, 7, '0'), '@proxy.test'), 'backend1.example.com', 143, 'starttls', 'x@b.test', 1
      FROM seq_0_to_${USERS - 1}`,
    'bench',
  )
}

async function startHoming(env: Record<string, string>, core?: string): Promise<number> {
  const listening = { ...env, HOMING_LISTEN: '127.0.0.1:0' }
  const options = { env: listening, core }
  return (await processes.start([program, 'serve'], /127\.0\.0\.1:(\d+)/, options)).number
}

function httpLoad(port: number, path: string, domain: string, inFlight: number, core?: string) {
  const bodies = sample.map((user, index) =>
    JSON.stringify({
      user: user.replace('local.test', domain),
      password: PASSWORD,
      protocol: 'imap',
      mechanism: 'PLAIN',
      secured: 'tls',
      remote_ip: '198.51.100.7',
      session: `s${index}`,
    }),
  )
  return processes.runLoad('http-load.js', { port, path, bodies, inFlight, ...timing }, core)
}

function dovecotLoad(socket: string): Promise<LoadResult> {
  const load = { socket, users: sample, password: PASSWORD, connections: 8, perConnection: 8, ...timing }
  return processes.runLoad('dovecot-load.js', load)
}

function print(table: ReadonlyMap<string, readonly LoadResult[]>, reference: string): void {
  const of = (name: string, figure: (result: LoadResult) => number) =>
    median((table.get(name) ?? []).map(figure))
  const rateOf = (name: string) => of(name, result => result.requestsPerSecond)
  for (const [name, results] of table) {
    const statuses = [...new Set(results.flatMap(result => Object.keys(result.statuses)))].join(' ')
    console.log(
      `${name.padEnd(20)} ${rateOf(name).toFixed(0).padStart(7)}/s  p50 ${of(name, r => r.p50Ms).toFixed(2)} ms  ` +
        `p99 ${of(name, r => r.p99Ms).toFixed(2)} ms  ${(rateOf(name) / rateOf(reference)).toFixed(2)} of ${reference}` +
        `  (answers: ${statuses})`,
    )
  }
}

/** The guide's local passdb with its auth cache; undefined where there is no Dovecot 2.3 with mysql. */
async function dovecotWithSql(server: MariadbServer) {
  if (!existsSync('/usr/lib/dovecot/modules/auth/libdriver_mysql.so') || process.getuid?.() !== 0) {
    console.log('Dovecot: not measured, it needs root and dovecot-mysql')
    return undefined
  }
  const { port, user, password } = server
  const config = `
auth_cache_size = 16M
auth_cache_ttl = 1 hour
passdb {
  driver = sql
  args = FOLDER/local-sql.conf.ext
}
service auth {
  client_limit = 4000
}
`
  const sql = `
driver = mysql
connect = host=127.0.0.1 port=${port} dbname=bench user=${user} password=${password}
default_pass_scheme = SHA512-CRYPT
password_query = SELECT password FROM local_users WHERE username = '%u' AND active = 1
`
  return startDovecotAuth({ version: '2.3', root: '/' }, { config, files: { 'local-sql.conf.ext': sql } })
}

// Kept for whoever reads the figures of a cramped machine.
console.log(`(${readFileSync('/proc/loadavg', 'utf8').split(' ')[0]} was the load average at the end)`)
