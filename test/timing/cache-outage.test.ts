// Who is in the cache is answered as quickly while the database is dead: p99 with it there and with it killed, by turns.

import t, { type Test } from 'tap'
import { answered, p99, paced } from '../bench/hash-load-site.js'
import { HttpCaller } from '../bench/http-caller.js'
import { median } from '../bench/quantile.js'
import { isQuiet, type OwnCpuMs, quietly, threadCpu } from '../bench/quiet.js'
import { startHoming } from '../system/homing.js'
import { startOwnMariadb } from '../system/mariadb-server.js'
import { needs } from '../system/parts.js'

const DATABASE = 'outage'
const USERS = 500
const PER_SECOND = 400
const WINDOW_MS = 1000
/** Windows of one turn, and turns with the database and without. */
const WINDOWS = 4
const TURNS = 3
const PATIENCE_MS = 40_000
const MOST = 1.2

t.test('p99 of cached answers is the same within 20 % while the database is dead', async t => {
  if (!needs(t, 'mariadb')) return
  const { mariadb, ask, cpuMs } = await startSite(t)
  const deadline = performance.now() + PATIENCE_MS
  const windows = async (): Promise<number[]> => {
    const all: number[] = []
    for (let n = 0; n < WINDOWS; n++) {
      const answers = await paced(PER_SECOND, WINDOW_MS, ask)
      answered(answers, 'ok')
      all.push(p99(answers))
    }
    return all
  }

  // Every entry is made here; what follows are hits.
  answered(await Promise.all(Array.from({ length: USERS }, (_, index) => ask(index))), 'ok')
  await windows()
  const there: number[] = []
  const dead: number[] = []
  let isCounted = true
  for (let turn = 0; turn < TURNS; turn++) {
    const alive = await quietly(deadline, cpuMs, windows)
    await mariadb.kill()
    const killed = await quietly(deadline, cpuMs, windows)
    await mariadb.start()
    there.push(...alive.measured)
    dead.push(...killed.measured)
    isCounted &&= isQuiet(alive) && isQuiet(killed)
  }
  const ratio = median(dead) / median(there)
  const figures = `p99 is ${median(there).toFixed(2)} ms, and ${median(dead).toFixed(2)} ms while the database is dead`
  t.comment(`${figures}: ${ratio.toFixed(2)} times`)
  if (!isCounted) t.comment('others used the machine: the times count for nothing')
  t.ok(!isCounted || ratio < MOST, figures)
})

async function startSite(t: Test) {
  const mariadb = await startOwnMariadb()
  t.teardown(() => mariadb.close())
  const url = await mariadb.createDatabase(DATABASE)
  const homing = await startHoming({
    database: { url, execute: sql => mariadb.execute(sql, DATABASE) },
    config: 'auth_cache_size = "16M"\nauth_cache_ttl = "1 hour"\n',
  })
  t.teardown(() => homing.close())
  const row = { password: '{PLAIN}right', home: '/srv/mail', uid: 1000, gid: 1000 }
  await homing.addAccounts({
    localUsers: Array.from({ length: USERS }, (_, index) => ({
      ...row,
      username: `user${index}@cache.test`,
    })),
  })
  const caller = new HttpCaller(homing.url, homing.token)
  t.teardown(() => caller.close())
  const ask = (n: number) =>
    caller.ask('/v1/passdb/verify', {
      user: `user${n % USERS}@cache.test`,
      password: 'right',
      protocol: 'imap',
    })
  const cpuMs: OwnCpuMs = () => {
    const { niceMs, otherMs } = threadCpu(homing.pid ?? process.pid)
    const { user, system } = process.cpuUsage()
    return niceMs + otherMs + (user + system) / 1000
  }
  return { mariadb, ask, cpuMs }
}
