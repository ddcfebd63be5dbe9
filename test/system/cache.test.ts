// The cache under load: while the database is dead those who were seen before log in and nobody hears "no";
// invented names and wrong passwords at full rate push nobody out.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type RunningHoming, startHoming } from './homing.js'
import { type MariadbServer, startOwnMariadb } from './mariadb-server.js'
import { needs } from './parts.js'

const DATABASE = 'cache'
const SEEN = 200
const UNSEEN = 50
const LOAD_MS = 3000
const TTL_MS = 4000
const IN_FLIGHT = 8

const nameOf = (index: number) => `user${index}@cache.test`
const seen = Array.from({ length: SEEN }, (_, index) => nameOf(index))
const unseen = Array.from({ length: UNSEEN }, (_, index) => nameOf(SEEN + index))

interface Answered {
  readonly user: string
  readonly result: string
  readonly status: number
  readonly ms: number
}

t.test('a database that is killed under load', { timeout: 240_000 }, async t => {
  if (!needs(t, 'mariadb')) return
  const { mariadb, homing } = await startSite(t, `auth_cache_size = "16M"\nauth_cache_ttl = "${TTL_MS} ms"`)
  await load(homing, seen, 500)
  const before = await load(homing, seen, LOAD_MS)
  t.same(wordsOf(before), ['200 ok'], 'all is well')
  // Fresh entries, so that the first half of the outage is answered from the cache alone.
  homing.signal('SIGHUP')
  await homing.waitForLog('cache entries flushed')
  await Promise.all(seen.map(user => login(homing, user, 'right')))

  await mariadb.kill()
  const fresh = await load(homing, seen, TTL_MS / 2)
  t.same(wordsOf(fresh), ['200 ok'], 'who was seen before gets in')
  t.same(wordsOf(await load(homing, unseen, 500)), ['503 internal_failure'], 'others are asked to try again')
  const wrong = await Promise.all(seen.slice(0, 50).map(user => login(homing, user, 'wrong')))
  t.same(wordsOf(wrong), ['503 internal_failure'], 'not even a wrong password hears that it is wrong')

  await sleep(TTL_MS)
  const stale = await load(homing, seen, LOAD_MS)
  t.same(wordsOf(stale), ['200 ok'], 'who was seen before gets in although the entry is expired')
  t.match(await metricsOf(homing), /homing_auth_cache_stale_served_total [1-9]/)
  await homing.waitForLog('"level":"warn"', 'Falling back to expired data from cache')

  await mariadb.start()
  const startedAt = performance.now()
  while ((await login(homing, unseen[0] ?? '', 'right')).result !== 'ok') {
    if (performance.now() - startedAt > 30_000) break
    await sleep(50)
  }
  const seconds = (performance.now() - startedAt) / 1000
  t.ok(seconds < 5, `recovered after ${seconds.toFixed(1)} s`)
  t.same(wordsOf(await load(homing, [...seen, ...unseen], 1000)), ['200 ok'])

  await sleep(TTL_MS)
  mariadb.hang()
  const hanging = await load(homing, seen, 2 * LOAD_MS)
  mariadb.resume()
  t.same(wordsOf(hanging), ['200 ok'], 'nor does a database that hangs keep out who was seen before')
  const slow = hanging.filter(({ ms }) => ms > 500).length
  t.ok(slow < 30, `${slow} of ${hanging.length} had to wait for it`)
})

t.test('invented names and wrong passwords at full rate', { timeout: 240_000 }, async t => {
  if (!needs(t, 'mariadb')) return
  // Room for the users, and for some hundred invented names.
  const { homing } = await startSite(t, 'auth_cache_size = "128k"')
  await Promise.all(seen.map(user => login(homing, user, 'right')))
  let stopped = false
  let attacks = 0
  const attackers = Array.from({ length: IN_FLIGHT }, async (_, index) => {
    while (!stopped) {
      const invented = `${randomBytes(8).toString('hex')}@cache.test`
      const user = index % 2 === 0 ? invented : (unseen[attacks % UNSEEN] ?? '')
      await login(homing, user, randomBytes(4).toString('hex'))
      attacks++
    }
  })
  const answers = await load(homing, seen, 5000)
  stopped = true
  await Promise.all(attackers)
  t.same(wordsOf(answers), ['200 ok'])
  await sleep(1200)
  const steps = (await homing.log())
    .split('\n')
    .filter(line => seen.some(user => line.includes(`"user":"${user}"`)))
    .map(line => /local:ok\/(\w+)/.exec(line)?.[1])
    .slice(SEEN)
  const ratio = steps.filter(step => step === 'hit').length / steps.length
  t.ok(ratio > 0.95, `${(100 * ratio).toFixed(1)} % of the users’ logins are hits beside ${attacks} attacks`)
  t.match(await metricsOf(homing), /homing_auth_cache_evictions_total\{part="negative"\} [1-9]/)
  t.match(await metricsOf(homing), /homing_auth_cache_evictions_total\{part="positive"\} 0/)
})

async function startSite(
  t: Test,
  config: string,
): Promise<{ mariadb: MariadbServer; homing: RunningHoming }> {
  const mariadb = await startOwnMariadb()
  t.teardown(() => mariadb.close())
  const url = await mariadb.createDatabase(DATABASE)
  const homing = await startHoming({
    database: { url, execute: sql => mariadb.execute(sql, DATABASE) },
    config: `${config}
auth_unknown_user_hash = false
[[passdb]]
name = "local"
driver = "sql"
table = "local_users"
result_failure = "return-fail"
`,
  })
  t.teardown(() => homing.close())
  await homing.addAccounts({
    localUsers: [...seen, ...unseen].map(username => ({
      username,
      password: '{PLAIN}right',
      home: `/srv/${username}`,
      uid: 1000,
      gid: 1000,
    })),
  })
  return { mariadb, homing }
}

async function login({ url, token }: RunningHoming, user: string, password: string): Promise<Answered> {
  const startedAt = performance.now()
  const reply = await fetch(`${url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ user, password, protocol: 'imap', mechanism: 'PLAIN', secured: 'tls' }),
  })
  const { result } = (await reply.json()) as { result: string }
  return { user, result, status: reply.status, ms: performance.now() - startedAt }
}

/** Right passwords of these users in turn, so many at once, for so long. */
async function load(homing: RunningHoming, users: readonly string[], ms: number): Promise<Answered[]> {
  const answers: Answered[] = []
  const until = performance.now() + ms
  let next = 0
  const one = async () => {
    while (performance.now() < until)
      answers.push(await login(homing, users[next++ % users.length] ?? '', 'right'))
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, one))
  return answers
}

function wordsOf(answers: readonly Answered[]): string[] {
  return [...new Set(answers.map(({ status, result }) => `${status} ${result}`))].sort()
}

async function metricsOf({ url, token }: RunningHoming): Promise<string> {
  const reply = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  return reply.text()
}
