// The topology with people logging in and an administrator who changes passwords all the time.

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabases } from '../../src/database/open-database.js'
import { lower, testSettings } from '../conformance/database/test-database.js'
import type { RunningHoming } from '../system/homing.js'
import { DATABASE, startTopology, type Topology } from '../system/topology.js'
import { type Load, startLoad } from './load.js'
import { createTruth, type Truth, untilSettled } from './truth.js'

export interface Site {
  readonly topology: Topology
  readonly truth: Truth
  readonly load: Load
  readonly admin: Admin
  /** The rate of a normal moment, in logins a second. */
  readonly rate: number
  /** Until so many cold logins in a row were right; how long that took, Infinity when it was not to be. */
  untilWell(withinMs: number): Promise<number>
  /** Every user who comes often has logged in at this copy, by then. */
  warmUp(copy: RunningHoming): Promise<void>
  /** Logins at this address, beside the steady ones, while `run` runs; what is wrong counts as any other. */
  alsoAsk<T>(url: string, perSecond: number, run: (load: Load) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Changes passwords one after the other. */
export interface Admin {
  readonly acknowledged: number
  readonly failed: number
  /** performance.now() of each acknowledged change. */
  readonly acknowledgedAt: readonly number[]
  /** No change is under way, and none is younger than what copies may be behind, when it resolves. */
  pause(): Promise<void>
  goOn(): void
  /** Acknowledged changes that are not in the database. */
  lost(): Promise<readonly string[]>
  stop(): Promise<void>
}

export interface SiteOptions {
  readonly rate: number
  readonly coldUsers: number
}

const WELL_IN_A_ROW = 15
const WARM_UP_MS = 10_000
/** Code is compiled, pools have their connections. */
const SETTLING_MS = 3000

export async function startSite({ rate, coldUsers }: SiteOptions): Promise<Site> {
  const topology = await startTopology()
  try {
    const truth = createTruth(coldUsers)
    await topology.primary.execute(truth.sql, DATABASE)
    await topology.replicated()
    const load = startLoad(topology.balancer.url, topology.token, truth, rate)
    const admin = startAdmin(topology, truth)
    const alsoAsk: Site['alsoAsk'] = async (url, perSecond, run) => {
      const other = startLoad(url, topology.token, truth, perSecond)
      try {
        return await run(other)
      } finally {
        await other.stop()
        load.wrong.push(...other.wrong)
      }
    }
    const warmUp: Site['warmUp'] = ({ url }) =>
      alsoAsk(url, 0, async ({ ask }) => {
        const deadline = performance.now() + WARM_UP_MS
        for (const question of truth.everyWarm) {
          // A copy that has only just found its database again tells the first few to try again.
          while ((await ask(question)).verdict !== 'right' && performance.now() < deadline) await sleep(20)
        }
      })
    for (const copy of topology.copies) await warmUp(copy)
    await sleep(SETTLING_MS)
    return {
      topology,
      truth,
      load,
      admin,
      rate,
      untilWell: withinMs => untilWell(load, truth, withinMs),
      warmUp,
      alsoAsk,
      close: async () => {
        await admin.stop()
        await load.stop()
        await topology.close()
      },
    }
  } catch (error) {
    await topology.close()
    throw error
  }
}

async function untilWell(load: Load, truth: Truth, withinMs: number): Promise<number> {
  const start = performance.now()
  let inARow = 0
  let firstAt = start
  while (performance.now() - start < withinMs) {
    const askedAt = performance.now()
    const { verdict } = await load.ask(truth.nextCold())
    if (verdict === 'right' && inARow === 0) firstAt = askedAt
    inARow = verdict === 'right' ? inARow + 1 : 0
    if (inARow === WELL_IN_A_ROW) return firstAt - start
    await sleep(verdict === 'right' ? 2 : 20)
  }
  return Number.POSITIVE_INFINITY
}

const BETWEEN_CHANGES_MS = 250

/** As `homing proxy-user set` does it, by the same functions, on the same two hosts as the copies. */
function startAdmin(topology: Topology, truth: Truth): Admin {
  const databases = createDatabases(testSettings)
  const accounts = databases.open(topology.databaseUrl).accounts('proxy_users', lower, 'test')
  const acknowledgedAt: number[] = []
  let failed = 0
  let isPaused = false
  let isStopped = false
  let changing: Promise<unknown> = Promise.resolve()
  const write = async (user: string, password: string) =>
    (await accounts.set(user, { password: `{PLAIN}${password}` })) === 'changed'
  const work = (async () => {
    for (let at = 0; !isStopped; at++) {
      await sleep(BETWEEN_CHANGES_MS)
      const account = truth.changing[at % truth.changing.length]
      if (isPaused || isStopped || !account) continue
      const change = account.change(write)
      changing = change
      if (await change) acknowledgedAt.push(performance.now())
      else failed++
    }
  })()
  const pause = async () => {
    isPaused = true
    await changing
    await untilSettled()
  }
  return {
    get acknowledged() {
      return acknowledgedAt.length
    },
    get failed() {
      return failed
    },
    acknowledgedAt,
    pause,
    goOn: () => {
      isPaused = false
    },
    lost: async () => {
      const was = isPaused
      await pause()
      const rows = await topology.primary.execute(
        "select username, password from proxy_users where username like '%@change.test'",
        DATABASE,
      )
      isPaused = was
      const stored = new Map(
        rows.map(row => [String(row.username), String(row.password).slice('{PLAIN}'.length)]),
      )
      return truth.changing
        .filter(account => !account.stored().includes(stored.get(account.user) ?? ''))
        .map(
          account =>
            `${account.user}: ${stored.get(account.user)} is stored, ${account.lastAcknowledged} was acknowledged`,
        )
    },
    stop: async () => {
      isStopped = true
      await work
      await databases.close()
    },
  }
}

/** How many descriptors the process has open. */
export function descriptorsOf({ pid }: RunningHoming): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Resident memory in MiB. */
export function memoryOf({ pid }: RunningHoming): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}
