// What the service does while its hash threads have more than enough to do.

import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { defaultPasswordSettings } from '../../src/password/password-settings.js'
import {
  answered,
  type CpuParts,
  cheapLogin,
  closedLoop,
  type HashLoadSite,
  lookup,
  oneByOne,
  p99,
  paced,
  residentMiB,
  SECRET,
  saturate,
  slowLogin,
} from './hash-load-site.js'
import type { HttpAnswer } from './http-caller.js'
import { median } from './quantile.js'
import { isQuiet, type Quiet, quietly } from './quiet.js'

const DEADLINE_MS = defaultPasswordSettings.auth_hash_timeout

/** Milliseconds: the median, over all parts of the run, of the part's p99. */
export interface Latency {
  readonly idle: number
  readonly saturated: number
}

export interface Neighbours {
  readonly lookup: Latency
  readonly cheapLogin: Latency
  /** Logins with a hash per second, meanwhile. */
  readonly slowPerSecond: number
  readonly parts: number
  readonly samplesInPart: number
  /** Parts in which nobody else used the machine. */
  readonly quietParts: number
}

const PART_MS = 1000
const PER_SECOND = 200
const WARM_UP_IN_FLIGHT = 8

/**
 * p99 of what needs no hash: on the idle service, and while every hash thread has more than enough to do. By turns, and each
 * part for itself, so that what disturbs the machine for a moment spoils one part and not the figure.
 */
export async function measureNeighbours(
  site: HashLoadSite,
  parts: number,
  patienceMs: number,
  warmUpMs: number,
): Promise<Neighbours> {
  const deadline = performance.now() + patienceMs
  const part = async (): Promise<Record<'lookup' | 'cheapLogin', number>> => {
    const [looked, loggedIn] = await Promise.all([
      paced(PER_SECOND, PART_MS, n => lookup(site, n)),
      paced(PER_SECOND, PART_MS, n => cheapLogin(site, n)),
    ])
    answered([...looked, ...loggedIn], 'ok')
    return { lookup: p99(looked), cheapLogin: p99(loggedIn) }
  }
  await warmUp(site, warmUpMs)
  const both = async () => {
    const idle = await part()
    site.saturation.begin()
    await sleep(100)
    const saturated = await part()
    const { done, ms } = await site.saturation.end()
    return { idle, saturated, slowPerSecond: (1000 * done) / ms }
  }
  const measured: Quiet<Awaited<ReturnType<typeof both>>>[] = []
  for (let n = 0; n < parts; n++) measured.push(await quietly(deadline, site.cpuMs, both))
  const latency = (kind: 'lookup' | 'cheapLogin'): Latency => ({
    idle: median(measured.map(({ measured: { idle } }) => idle[kind])),
    saturated: median(measured.map(({ measured: { saturated } }) => saturated[kind])),
  })
  return {
    lookup: latency('lookup'),
    cheapLogin: latency('cheapLogin'),
    slowPerSecond: median(measured.map(({ measured: { slowPerSecond } }) => slowPerSecond)),
    parts,
    samplesInPart: (PER_SECOND * PART_MS) / 1000,
    quietParts: measured.filter(isQuiet).length,
  }
}

/** Each kind of question in turn, for so long in all: code that has not been compiled yet is measured by nobody. */
async function warmUp(site: HashLoadSite, ms: number): Promise<void> {
  for (const ask of [lookup, cheapLogin, slowLogin]) {
    const end = performance.now() + ms / 3
    await closedLoop(
      WARM_UP_IN_FLIGHT,
      () => performance.now() > end,
      n => ask(site, n),
    )
  }
}

export interface Overload {
  /** Logins per second that the hash threads can do: as many as there are when few more are asked. */
  readonly capacity: number
  readonly offered: number
  readonly goodput: number
  /** Goodput by the capacity just before and after it: the median of all parts, and the worst and best. */
  readonly share: readonly [median: number, least: number, most: number]
  /** The slowest of those who were let in. */
  readonly slowestAcceptedMs: number
  readonly refused: number
  readonly refusedP99Ms: number
  /** Let in, and then not done in time. */
  readonly late: number
  readonly refusedWithRetryAfter: number
  /** Statuses that are neither 200 nor 503, and 200 that say something else. */
  readonly odd: number
  /** MiB, after the first and after the last part of the overload. */
  readonly residentMiB: readonly [number, number]
  /** How long after an overload until a login takes no longer than twice what it took before, at most. */
  readonly backToNormalMs: number
  readonly parts: number
  /** Parts in which nobody else used the machine. */
  readonly quietParts: number
  /** Where the time of the cores went during the overloads. */
  readonly cpu: CpuParts
  readonly answers: number
}

const WINDOW_MS = 1500
/** By then as many wait as may. */
const SETTLE_MS = 700
const GIVE_UP_MS = 20_000

interface OverloadPart {
  readonly capacity: number
  readonly goodput: number
  readonly answers: readonly HttpAnswer[]
  readonly residentMiB: number
  readonly backToNormalMs: number
  readonly cpu: CpuParts
}

/** Offers `times` as many logins as can be hashed; before and after it few more than can be, which tells how many that is. */
export async function measureOverload(
  site: HashLoadSite,
  times: number,
  parts: number,
  patienceMs: number,
): Promise<Overload> {
  const deadline = performance.now() + patienceMs
  const alone = median(await oneByOne(site, 10))
  const one = async (): Promise<OverloadPart> => {
    const before = await measureCapacity(site)
    const cpuBefore = site.cpu()
    const answers = await paced(Math.max(times * before, LEAST_OFFERED), SETTLE_MS + WINDOW_MS, () =>
      slowLogin(site),
    )
    const cpu = combine(site.cpu(), cpuBefore, (after, before) => after - before)
    const resident = await residentMiB(site)
    const backToNormalMs = await untilNormal(site, 2 * alone)
    const capacity = (before + (await measureCapacity(site))) / 2
    return { capacity, goodput: perSecond(answers), answers, residentMiB: resident, backToNormalMs, cpu }
  }
  const all: Quiet<OverloadPart>[] = []
  for (let n = 0; n < parts; n++) all.push(await quietly(deadline, site.cpuMs, one))

  const measured = all.map(({ measured }) => measured)
  const shares = measured.map(({ goodput, capacity }) => goodput / capacity)
  const answers = measured.flatMap(part => part.answers)
  const accepted = answers.filter(({ status, result }) => status === 200 && result === 'password_mismatch')
  const refused = answers.filter(({ status }) => status === 503)
  return {
    capacity: median(measured.map(({ capacity }) => capacity)),
    offered: answers.length / ((parts * (SETTLE_MS + WINDOW_MS)) / 1000),
    goodput: median(measured.map(({ goodput }) => goodput)),
    share: [median(shares), Math.min(...shares), Math.max(...shares)],
    slowestAcceptedMs: Math.max(...accepted.map(({ ms }) => ms)),
    refused: refused.length,
    refusedP99Ms: p99(refused),
    late: refused.filter(({ ms }) => ms > DEADLINE_MS - 100).length,
    refusedWithRetryAfter: refused.filter(({ retryAfter }) => /^[1-9]\d*$/.test(retryAfter ?? '')).length,
    odd: answers.length - accepted.length - refused.length,
    residentMiB: [measured[0]?.residentMiB ?? 0, measured.at(-1)?.residentMiB ?? 0],
    backToNormalMs: Math.max(...measured.map(part => part.backToNormalMs)),
    parts,
    quietParts: all.filter(isQuiet).length,
    cpu: measured.map(({ cpu }) => cpu).reduce((a, b) => combine(a, b, (one, other) => one + other)),
    answers: answers.length,
  }
}

const combine = (a: CpuParts, b: CpuParts, how: (a: number, b: number) => number): CpuParts => ({
  hashThreads: how(a.hashThreads, b.hashThreads),
  service: how(a.service, b.service),
  loadGenerator: how(a.loadGenerator, b.loadGenerator),
})

/** Where others leave the hashes next to nothing, and so there is next to nothing to take twenty times. */
const LEAST_OFFERED = 100

/** Enough that no thread ever waits, and so few that all are done in time also on a machine that others keep busy. */
const CAPACITY_IN_FLIGHT = 4 * availableParallelism()

async function measureCapacity(site: HashLoadSite): Promise<number> {
  const load = saturate(site, CAPACITY_IN_FLIGHT)
  await sleep(SETTLE_MS + WINDOW_MS)
  return perSecond((await load.end()).answers)
}

/** Verdicts per second in the window after the settling, by when the answers were there. */
function perSecond(answers: readonly HttpAnswer[]): number {
  const begin = Math.min(...answers.map(({ at, ms }) => at - ms)) + SETTLE_MS
  const isIn = ({ status, at }: HttpAnswer) => status === 200 && at > begin && at <= begin + WINDOW_MS
  return (1000 * answers.filter(isIn).length) / WINDOW_MS
}

async function untilNormal(site: HashLoadSite, limitMs: number): Promise<number> {
  const over = performance.now()
  const passed = () => performance.now() - over
  while ((await slowLogin(site)).ms > limitMs && passed() < GIVE_UP_MS) await sleep(5)
  return passed()
}

export interface WhoExists {
  /** Medians in milliseconds. */
  readonly unknown: number
  readonly wrong: number
  readonly disabled: number
  readonly locked: number
  /** How far the slowest is from the fastest, in percent of the fastest. */
  readonly apart: number
}

const refusals = {
  unknown: { user: 'nobody@load.test', result: 'user_unknown' },
  wrong: { user: 'crypted1@load.test', result: 'password_mismatch' },
  disabled: { user: 'disabled@load.test', result: 'user_disabled' },
  locked: { user: 'locked@load.test', result: 'password_mismatch' },
} as const
const kinds = Object.keys(refusals) as (keyof typeof refusals)[]

/** How long refusals take that the client must not tell apart; in turn. */
export async function measureWhoExists({ caller }: HashLoadSite, samples: number): Promise<WhoExists> {
  const times = {
    unknown: [] as number[],
    wrong: [] as number[],
    disabled: [] as number[],
    locked: [] as number[],
  }
  const warmUp = 50
  for (let n = 0; n < samples + warmUp; n++) {
    // In an order of chance: what comes before another must not be always the same.
    const order = kinds.map(kind => ({ kind, at: Math.random() })).sort((a, b) => a.at - b.at)
    for (const { kind } of order) {
      const { user, result } = refusals[kind]
      const password = `wrong ${n}`.padEnd(SECRET.length)
      const answer = await caller.ask('/v1/passdb/verify', { user, password, protocol: 'imap' })
      if (answer.result !== result) throw new Error(`${kind}: ${answer.status} ${answer.result}`)
      if (n >= warmUp) times[kind].push(answer.ms)
    }
  }
  const [unknown = 0, wrong = 0, disabled = 0, locked = 0] = kinds.map(kind => median(times[kind]))
  const medians = [unknown, wrong, disabled, locked]
  return { unknown, wrong, disabled, locked, apart: 100 * (Math.max(...medians) / Math.min(...medians) - 1) }
}
