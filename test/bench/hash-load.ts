// What the service does while its hash threads have more than enough to do: loads on a real `homing serve`.

import { setTimeout as sleep } from 'node:timers/promises'
import { Password } from '../../src/model/password.js'
import { generatePassword } from '../../src/password/generate-password.js'
import { type RunningHoming, startHoming } from '../system/homing.js'
import { type HttpAnswer, HttpCaller } from './http-caller.js'

const SECRET = 'correct horse battery staple'
const CROWD = 2000
/** auth_hash_timeout. */
const DEADLINE_MS = 1500
/** Logins under way that keep every hash thread busy. */
const IN_FLIGHT = 16

export interface HashLoadSite {
  readonly homing: RunningHoming
  readonly caller: HttpCaller
  close(): Promise<void>
}

/** A service whose users `crypted0…` cost one SHA512-CRYPT with so many rounds, and `cheap…` none. */
export async function startSite(rounds: number, config = ''): Promise<HashLoadSite> {
  const homing = await startHoming({ config })
  const crypted = await newHash('SHA512-CRYPT', rounds)
  const cheap = await newHash('SSHA256')
  const row = { home: '/var/vmail/x', uid: 5000, gid: 5000 }
  const users = (name: string, password: string) =>
    Array.from({ length: CROWD }, (_, i) => ({ ...row, username: `${name}${i}@load.test`, password }))
  await homing.addAccounts({
    localUsers: [
      ...users('crypted', crypted),
      ...users('cheap', cheap),
      { ...row, username: 'disabled@load.test', password: crypted, active: 0 },
    ],
  })
  const caller = new HttpCaller(homing.url, homing.token)
  const close = async () => {
    caller.close()
    await homing.close()
  }
  return { homing, caller, close }
}

async function newHash(scheme: string, rounds?: number): Promise<string> {
  const made = await generatePassword(scheme, new Password(SECRET), { ...(rounds && { rounds }) })
  if ('refused' in made) throw new Error(made.refused)
  return made.stored
}

let passwords = 0

/** A login that costs a hash: of another user than the last, and of a password that nobody else gives, so that none is shared. */
export const slowLogin = ({ caller }: HashLoadSite): Promise<HttpAnswer> =>
  caller.ask('/v1/passdb/verify', {
    user: `crypted${passwords % CROWD}@load.test`,
    password: `wrong ${passwords++}`.padEnd(SECRET.length),
    protocol: 'imap',
  })

const cheapLogin = ({ caller }: HashLoadSite, n: number): Promise<HttpAnswer> =>
  caller.ask('/v1/passdb/verify', { user: `cheap${n % CROWD}@load.test`, password: SECRET, protocol: 'imap' })

const lookup = ({ caller }: HashLoadSite, n: number): Promise<HttpAnswer> =>
  caller.ask('/v1/passdb/lookup', { user: `cheap${n % CROWD}@load.test`, protocol: 'lmtp' })

/** Begins `ask` so often, evenly, for so long, whatever becomes of it; resolves with all answers. */
async function paced(
  perSecond: number,
  ms: number,
  ask: (n: number) => Promise<HttpAnswer>,
): Promise<HttpAnswer[]> {
  const asked: Promise<HttpAnswer>[] = []
  const start = performance.now()
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - start) {
    while (asked.length < (elapsed / 1000) * perSecond) asked.push(ask(asked.length))
    await sleep(2)
  }
  return Promise.all(asked)
}

/** Keeps so many under way until told; resolves with all answers. */
async function closedLoop(
  inFlight: number,
  isOver: () => boolean,
  ask: (n: number) => Promise<HttpAnswer>,
): Promise<HttpAnswer[]> {
  const answers: HttpAnswer[] = []
  let next = 0
  const lane = async () => {
    while (!isOver()) answers.push(await ask(next++))
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return answers
}

export interface Neighbours {
  readonly lookup: { readonly idle: number; readonly saturated: number }
  readonly cheapLogin: { readonly idle: number; readonly saturated: number }
  /** Logins with a hash per second, meanwhile. */
  readonly slowPerSecond: number
  readonly samples: number
}

const PART_MS = 500

/**
 * p99 in milliseconds of what needs no hash: on the idle service, and while every hash thread has more than enough to
 * do, by turns, so that what else disturbs the machine disturbs both.
 */
export async function measureNeighbours(site: HashLoadSite, ms: number): Promise<Neighbours> {
  const lookups = { idle: [] as HttpAnswer[], saturated: [] as HttpAnswer[] }
  const logins = { idle: [] as HttpAnswer[], saturated: [] as HttpAnswer[] }
  const part = async (state: 'idle' | 'saturated') => {
    const both = [paced(200, PART_MS, n => lookup(site, n)), paced(200, PART_MS, n => cheapLogin(site, n))]
    const [looked = [], loggedIn = []] = await Promise.all(both)
    lookups[state].push(...looked)
    logins[state].push(...loggedIn)
  }
  await paced(200, PART_MS, n => lookup(site, n))
  let slow = 0
  let slowMs = 0
  for (let elapsed = 0; elapsed < ms; elapsed += 2 * PART_MS) {
    await part('idle')
    let isOver = false
    const startedAt = performance.now()
    const saturating = closedLoop(
      IN_FLIGHT,
      () => isOver,
      () => slowLogin(site),
    )
    await sleep(100)
    await part('saturated')
    isOver = true
    slow += answered(await saturating, 'password_mismatch')
    slowMs += performance.now() - startedAt
  }
  const both = (kind: typeof lookups) => {
    answered([...kind.idle, ...kind.saturated], 'ok')
    return { idle: p99(kind.idle), saturated: p99(kind.saturated) }
  }
  return {
    lookup: both(lookups),
    cheapLogin: both(logins),
    slowPerSecond: (1000 * slow) / slowMs,
    samples: lookups.idle.length,
  }
}

export interface Overload {
  /** Logins per second that the hash threads can do. */
  readonly capacity: number
  readonly offered: number
  readonly goodput: number
  /** The slowest of those who were let in. */
  readonly slowestAcceptedMs: number
  readonly refused: number
  readonly refusedP99Ms: number
  /** Let in, and then not done in time. */
  readonly late: number
  readonly refusedWithRetryAfter: number
  /** Statuses that are neither 200 nor 503, and 200 that say something else. */
  readonly odd: number
  /** MiB, after a first and after the last part of the overload. */
  readonly residentMiB: readonly [number, number]
  /** How long after the overload until a login takes no longer than twice what it took before it. */
  readonly backToNormalMs: number
}

/** Offers `times` as many logins as can be hashed. */
export async function measureOverload(site: HashLoadSite, times: number, ms: number): Promise<Overload> {
  const alone = quantile(await oneByOne(site, 10), 0.5)
  const startedAt = performance.now()
  const done = await closedLoop(
    IN_FLIGHT / 2,
    () => performance.now() - startedAt > ms / 2,
    () => slowLogin(site),
  )
  const capacity =
    done.filter(({ status }) => status === 200).length / ((performance.now() - startedAt) / 1000)

  const offered = times * capacity
  await paced(offered, ms / 4, () => slowLogin(site))
  const before = await residentMiB(site)
  const overloadedAt = performance.now()
  const answers = await paced(offered, ms, () => slowLogin(site))
  const seconds = (performance.now() - overloadedAt) / 1000
  const over = performance.now()
  while ((await slowLogin(site)).ms > 2 * alone) await sleep(5)
  const backToNormalMs = performance.now() - over

  const accepted = answers.filter(({ status, result }) => status === 200 && result === 'password_mismatch')
  const refused = answers.filter(({ status }) => status === 503)
  return {
    capacity,
    offered: answers.length / (ms / 1000),
    goodput: accepted.length / seconds,
    slowestAcceptedMs: quantile(
      accepted.map(({ ms }) => ms),
      1,
    ),
    refused: refused.length,
    refusedP99Ms: p99(refused),
    late: refused.filter(({ ms }) => ms > DEADLINE_MS - 100).length,
    refusedWithRetryAfter: refused.filter(({ retryAfter }) => /^[1-9]\d*$/.test(retryAfter ?? '')).length,
    odd: answers.length - accepted.length - refused.length,
    residentMiB: [before, await residentMiB(site)],
    backToNormalMs,
  }
}

async function oneByOne(site: HashLoadSite, count: number): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < count; n++) times.push((await slowLogin(site)).ms)
  return times
}

async function residentMiB({ homing }: HashLoadSite): Promise<number> {
  const text = await (await fetch(`${homing.url}/metrics`)).text()
  return Number(/^\w*process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / 2 ** 20
}

export interface WhoExists {
  /** Medians in milliseconds. */
  readonly unknown: number
  readonly wrong: number
  readonly disabled: number
  /** How far the slowest is from the fastest, in percent of the fastest. */
  readonly apart: number
}

/** How long three refusals take that the client must not tell apart; in turn. */
export async function measureWhoExists({ caller }: HashLoadSite, samples: number): Promise<WhoExists> {
  const names = { unknown: 'nobody@load.test', wrong: 'crypted1@load.test', disabled: 'disabled@load.test' }
  const words = { unknown: 'user_unknown', wrong: 'password_mismatch', disabled: 'user_disabled' }
  const kinds = ['unknown', 'wrong', 'disabled'] as const
  const times = { unknown: [] as number[], wrong: [] as number[], disabled: [] as number[] }
  const warmUp = 50
  for (let n = 0; n < samples + warmUp; n++) {
    // In an order of chance: what comes before another must not be always the same.
    const order = kinds.map(kind => ({ kind, at: Math.random() })).sort((a, b) => a.at - b.at)
    for (const { kind } of order) {
      const password = `wrong ${n}`.padEnd(SECRET.length)
      const answer = await caller.ask('/v1/passdb/verify', { user: names[kind], password, protocol: 'imap' })
      if (answer.result !== words[kind]) throw new Error(`${kind}: ${answer.status} ${answer.result}`)
      if (n >= warmUp) times[kind].push(answer.ms)
    }
  }
  const medians = kinds.map(kind => quantile(times[kind], 0.5))
  const [unknown = 0, wrong = 0, disabled = 0] = medians
  return { unknown, wrong, disabled, apart: 100 * (Math.max(...medians) / Math.min(...medians) - 1) }
}

/** How many there are; throws when one is another answer than this. */
function answered(answers: readonly HttpAnswer[], result: string): number {
  const bad = answers.find(answer => answer.status !== 200 || answer.result !== result)
  if (bad) throw new Error(`${bad.status} ${bad.result} after ${bad.ms} ms`)
  return answers.length
}

const p99 = (answers: readonly HttpAnswer[]): number =>
  quantile(
    answers.map(({ ms }) => ms),
    0.99,
  )

function quantile(all: readonly number[], q: number): number {
  const sorted = all.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
}
