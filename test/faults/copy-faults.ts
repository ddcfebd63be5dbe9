// What happens to a copy, to what it shares with the others, and to its clock.

import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { HashPool } from '../../src/password/hash-pool.js'
import type { RunningHoming } from '../system/homing.js'
import { all, atMost, cachedGoOn, claim, type Effect, type Fault, recovers, share } from './fault.js'
import type { Load, Seen } from './load.js'
import type { Site } from './site.js'

const nothing = () => {}

/** What the topology can do at most, in logins a second: asked by so many at once, each again when answered. */
export async function capacity({ load, truth, rate }: Site): Promise<number> {
  load.setRate(0)
  const until = performance.now() + 3000
  let answered = 0
  await Promise.all(
    Array.from({ length: 48 }, async () => {
      while (performance.now() < until) {
        await load.ask(truth.next())
        answered++
      }
    }),
  )
  load.setRate(rate)
  return answered / 3
}

let busyRate = 0
let steadyAt = 0

/** From now on seventy percent of what can be done are asked, and have been so for two seconds. */
async function toSeventyPercent(site: Site): Promise<void> {
  busyRate = 0.7 * (await capacity(site))
  site.load.setRate(busyRate)
  steadyAt = performance.now()
  await sleep(2000)
}

/** Without what measured the capacity; with what was under way when the fault came. */
const sinceSteady = (answers: readonly Seen[]) => answers.filter(({ at }) => at >= steadyAt)

const failures = ({ during }: Effect, limitPercent = 0.1) => {
  const seen = sinceSteady(during)
  return atMost('temporary failures', 100 * share(seen, 'temporary'), limitPercent, `% of ${seen.length}`)
}

const killed: Fault = {
  id: 'T14',
  title: 'one of three copies is killed (kill -9) at 70 % load',
  figure: '≤ 0.1 % temporary failures, back ≤ 5 s',
  lastsMs: 4000,
  inject: async site => {
    await toSeventyPercent(site)
    await site.topology.copies[1]?.kill()
  },
  during: async ({ topology }) => {
    await sleep(3000)
    const copy = topology.copies[1]
    if (!copy) throw new Error('no copy')
    const logged = (await copy.log()).length
    await startAside(copy)
    const ready = performance.now()
    const back = await untilAsked(copy, logged)
    return all(
      claim(`at ${Math.round(busyRate)}/s`, true),
      atMost('back in rotation after', back - ready, 5000),
    )
  },
  heal: ({ load, rate }) => load.setRate(rate),
  expect: effect => failures(effect),
}

const hangs: Fault = {
  id: 'T14',
  title: 'one of three copies hangs (SIGSTOP) at 70 % load',
  figure: '≤ 1 % temporary failures',
  lastsMs: 4000,
  inject: async site => {
    await toSeventyPercent(site)
    site.topology.copies[2]?.hang()
  },
  heal: ({ load, rate, topology }) => {
    topology.copies[2]?.resume()
    load.setRate(rate)
  },
  expect: effect => failures(effect, 1),
}

const START_NICENESS = 10

/**
 * As on a machine of its own: a start takes a core for a second, and here it must not take it from the copies that answer.
 * It takes little of what they need until it is ready; and no less, or it never is where they need everything.
 */
async function startAside(copy: RunningHoming): Promise<void> {
  const started = copy.start()
  while (copy.pid === 0) await sleep(5)
  const { pid } = copy
  setThreads(pid, START_NICENESS)
  await started
  setThreads(pid, 0)
}

function setThreads(pid: number, niceness: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), niceness)
}

/** performance.now() when the copy has logged a login behind that place of its log. */
async function untilAsked(copy: RunningHoming, logged: number): Promise<number> {
  const deadline = performance.now() + 20_000
  while (performance.now() < deadline) {
    if ((await copy.log()).slice(logged).includes('"result"')) return performance.now()
    await sleep(50)
  }
  return Number.POSITIVE_INFINITY
}

/** All copies are stopped and started one after the other, until so many logins were asked. */
export function rolling(requests: number): Fault {
  return {
    id: 'T15',
    title: 'the three copies are restarted one after the other, again and again, under load',
    figure: `0 failed of ${requests}`,
    lastsMs: 0,
    inject: async site => {
      await toSeventyPercent(site)
    },
    during: async ({ load, topology: { copies } }) => {
      const start = load.asked
      let restarts = 0
      while (load.asked - start < requests) {
        for (const copy of copies) {
          await copy.stop()
          await startAside(copy)
          restarts++
          // As an operator's tool waits: until the balancer asks it again.
          await sleep(1500)
        }
      }
      return claim(`${restarts} restarts at ${Math.round(busyRate)}/s`, true)
    },
    heal: ({ load, rate }) => load.setRate(rate),
    expect: effect => {
      const during = sinceSteady(effect.during)
      const failed = during.filter(({ verdict }) => verdict !== 'right').length
      return claim(`${failed} failed of ${during.length}`, failed === 0 && during.length >= requests)
    },
  }
}

function valkey(title: string, inject: (site: Site) => unknown, heal: (site: Site) => unknown): Fault {
  return {
    id: 'T12',
    title,
    figure: 'nobody waits, changes are heard ≤ 2 s by the database',
    lastsMs: 5000,
    isWrittenDuring: true,
    inject,
    heal,
    expect: effect =>
      all(
        cachedGoOn(effect, 100),
        claim(`${effect.acknowledgedDuring} passwords changed meanwhile`, effect.acknowledgedDuring > 0),
        claim(
          `${(100 * share(effect.during, 'temporary')).toFixed(2)} % temporary failures`,
          share(effect.during, 'temporary') === 0,
        ),
        recovers(effect, 2000),
      ),
  }
}

const CRASHES = 20

/** The hash threads do as their password says, in this process: a real one cannot be told to crash. */
const hashThreads: Fault = {
  id: 'T13',
  title: `hash threads crash or hang ${CRASHES} times`,
  figure: '≤ 1 temporary failure a crash, 0 wrong',
  lastsMs: 0,
  inject: nothing,
  during: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'homing-threads-'))
    const program = new URL('../unit/password/fixtures/obedient-worker.js', import.meta.url)
    const limits = { queueLimit: 1000, timeoutMs: 20_000, maxWaitMs: 20_000, memoryLimitBytes: 2 ** 30 }
    const pool = new HashPool({ threads: 2, timeLimitMs: 500, program, ...limits })
    const ask = async (text: string) => {
      const salt = Buffer.from(text.slice(-16).padEnd(16))
      const hash = { kind: 'sha512-crypt', salt, rounds: 5000 } as const
      const outcome = await pool.submit({ hash, password: Buffer.from(text), user: text }).outcome
      if (!('digest' in outcome)) return 'temporary'
      return outcome.digest.toString() === text ? 'right' : 'wrong'
    }
    const asked: Promise<string>[] = []
    for (let at = 0; at < 10 * CRASHES; at++) {
      asked.push(ask(`password ${at}`))
      const what = at % 100 === 0 ? 'hang' : 'crash'
      if (at % 10 === 0) asked.push(ask(`${what} once ${join(folder, String(at))}`))
      await sleep(5)
    }
    const outcomes = await Promise.all(asked)
    await pool.close()
    await rm(folder, { recursive: true, force: true })
    const count = (word: string) => outcomes.filter(outcome => outcome === word).length
    return claim(
      `${count('right')} right, ${count('temporary')} temporary, ${count('wrong')} wrong of ${outcomes.length}`,
      count('wrong') === 0 && count('temporary') <= CRASHES,
    )
  },
  heal: nothing,
  expect: effect => recovers(effect, 2000),
}

const HOUR_MS = 3_600_000
const TEN_YEARS_MS = 87_600 * HOUR_MS

/** The clock of one copy alone: what `Date` says in it is moved while it runs. */
const clock: Fault = {
  id: 'T18',
  title: 'the clock of one copy jumps by an hour and by ten years, forward and back',
  figure: '0 wrong, nothing is cached for ever',
  lastsMs: 0,
  isWrittenDuring: true,
  inject: nothing,
  during: async site => {
    const folder = await mkdtemp(join(tmpdir(), 'homing-clock-'))
    const offset = join(folder, 'offset')
    await writeFile(offset, '0')
    const shim = new URL('./fixtures/moved-clock.js', import.meta.url).href
    const env = { NODE_OPTIONS: `--import=${shim}`, CLOCK_OFFSET_FILE: offset }
    const copy = await site.topology.startCopy({ env })
    try {
      return await site.alsoAsk(copy.url, 100, async load => {
        await sleep(1500)
        for (const jump of [0, HOUR_MS, 0, -HOUR_MS, 0, TEN_YEARS_MS, 0, -TEN_YEARS_MS, 30_000]) {
          await writeFile(offset, String(jump))
          await sleep(2500)
        }
        const seen = load.seen(0)
        const failed = seen.filter(({ verdict }) => verdict === 'temporary').length
        return claim(`${seen.length} logins at that copy, ${failed} temporary failures`, failed === 0)
      })
    } finally {
      await copy.close()
      await rm(folder, { recursive: true, force: true })
    }
  },
  heal: nothing,
  expect: effect => recovers(effect, 2000),
}

/** Descriptors are used up by connections that nobody speaks on. */
const descriptors: Fault = {
  id: 'T19',
  title: 'a copy has no descriptor left',
  figure: 'recovers alone',
  lastsMs: 0,
  inject: nothing,
  during: async site => {
    const copy = await site.topology.startCopy()
    await promisify(execFile)('prlimit', ['--pid', String(copy.pid), '--nofile=100:100'])
    const port = Number(new URL(copy.url).port)
    try {
      return await site.alsoAsk(copy.url, 50, async load => {
        await sleep(1000)
        const idle = Array.from({ length: 150 }, () => connect(port, '127.0.0.1').on('error', nothing))
        await sleep(3000)
        const asked = load.asked
        for (const socket of idle) socket.destroy()
        const healedAt = performance.now()
        const wellAt = await untilRight(load, site, 10_000)
        return all(claim(`${asked} logins until then`, true), atMost('well after', wellAt - healedAt, 8000))
      })
    } finally {
      await copy.close()
    }
  },
  heal: nothing,
  expect: effect => recovers(effect, 2000),
}

async function untilRight(load: Load, { truth }: Site, withinMs: number): Promise<number> {
  const deadline = performance.now() + withinMs
  while (performance.now() < deadline) {
    if ((await load.ask(truth.nextCold())).verdict === 'right') return performance.now()
    await sleep(50)
  }
  return Number.POSITIVE_INFINITY
}

export const copyFaults: readonly Fault[] = [
  valkey(
    'Valkey is down',
    ({ topology }) => topology.valkey.kill(),
    ({ topology }) => topology.valkey.start(),
  ),
  valkey(
    'Valkey hangs',
    ({ topology }) => topology.valkey.hang(),
    ({ topology }) => topology.valkey.resume(),
  ),
  valkey(
    'Valkey is restarted empty, again and again',
    async ({ topology }) => {
      for (let times = 0; times < 3; times++) {
        await topology.valkey.kill()
        await topology.valkey.start()
        await sleep(300)
      }
    },
    nothing,
  ),
  hashThreads,
  killed,
  hangs,
  clock,
  descriptors,
]
