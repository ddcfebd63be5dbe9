// A real `homing serve` with users that cost a hash or none, and the loads that are put on it.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Password } from '../../src/model/password.js'
import { generatePassword } from '../../src/password/generate-password.js'
import { type RunningHoming, startHoming } from '../system/homing.js'
import type { Saturation } from './hash-saturation.js'
import { type HttpAnswer, HttpCaller } from './http-caller.js'
import { quantile } from './quantile.js'
import { type OwnCpuMs, threadCpu } from './quiet.js'

export const SECRET = 'correct horse battery staple'
const CROWD = 2000
const SATURATION = fileURLToPath(new URL('hash-saturation.js', import.meta.url))
/** Logins under way that keep every hash thread busy. */
const IN_FLIGHT = 16

export interface HashLoadSite {
  readonly homing: RunningHoming
  readonly caller: HttpCaller
  /** Keeps every hash thread busy from another process, between its begin and its end. */
  readonly saturation: { begin(): void; end(): Promise<Saturation> }
  readonly cpu: () => CpuParts
  /** All of it. */
  readonly cpuMs: OwnCpuMs
  close(): Promise<void>
}

/** Milliseconds that were taken so far. */
export interface CpuParts {
  readonly hashThreads: number
  /** The service but for its hash threads: the event loop, mostly. */
  readonly service: number
  readonly loadGenerator: number
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
      {
        ...row,
        username: 'locked@load.test',
        password: `{SHA512-CRYPT}!${crypted.slice('{SHA512-CRYPT}'.length)}`,
      },
    ],
  })
  const caller = new HttpCaller(homing.url, homing.token)
  const saturating = fork(SATURATION, [homing.url, homing.token])
  const saturation: HashLoadSite['saturation'] = {
    begin: () => void saturating.send('begin'),
    end: async () => {
      saturating.send('end')
      const [done] = await once(saturating, 'message')
      return done as Saturation
    },
  }
  const close = async () => {
    saturating.disconnect()
    caller.close()
    await homing.close()
  }
  const cpu = (): CpuParts => {
    const { niceMs, otherMs } = threadCpu(homing.pid ?? process.pid)
    const { user, system } = process.cpuUsage()
    const saturator = threadCpu(saturating.pid ?? process.pid)
    const loadGenerator = (user + system) / 1000 + saturator.niceMs + saturator.otherMs
    return { hashThreads: niceMs, service: otherMs, loadGenerator }
  }
  const cpuMs = () => Object.values(cpu()).reduce((sum, ms) => sum + ms, 0)
  return { homing, caller, saturation, cpu, cpuMs, close }
}

async function newHash(scheme: string, rounds?: number): Promise<string> {
  const made = await generatePassword(scheme, new Password(SECRET), { ...(rounds && { rounds }) })
  if ('refused' in made) throw new Error(made.refused)
  return made.stored
}

const REFUSED_PAUSE_MS = 100

/** Whoever asks needs no more of a site than this. */
type Asked = Pick<HashLoadSite, 'caller'>

let passwords = 0

/** A login that costs a hash: of another user than the last, and of a password that nobody else gives, so that none is shared. */
export const slowLogin = ({ caller }: Asked): Promise<HttpAnswer> =>
  caller.ask('/v1/passdb/verify', {
    user: `crypted${passwords % CROWD}@load.test`,
    password: `wrong ${passwords++}`.padEnd(SECRET.length),
    protocol: 'imap',
  })

export const cheapLogin = ({ caller }: HashLoadSite, n: number): Promise<HttpAnswer> =>
  caller.ask('/v1/passdb/verify', { user: `cheap${n % CROWD}@load.test`, password: SECRET, protocol: 'imap' })

export const lookup = ({ caller }: HashLoadSite, n: number): Promise<HttpAnswer> =>
  caller.ask('/v1/passdb/lookup', { user: `cheap${n % CROWD}@load.test`, protocol: 'lmtp' })

/** Begins `ask` so often, evenly, for so long, whatever becomes of it; resolves with all answers. */
export async function paced(
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
export async function closedLoop(
  inFlight: number,
  isOver: () => boolean,
  ask: (n: number) => Promise<HttpAnswer>,
): Promise<HttpAnswer[]> {
  const answers: HttpAnswer[] = []
  let next = 0
  const lane = async () => {
    while (!isOver()) {
      const answer = await ask(next++)
      answers.push(answer)
      // Who is refused and asks again at once would be an overload, and no measure of what can be done.
      if (answer.status === 503) await sleep(REFUSED_PAUSE_MS)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return answers
}

/** Keeps every hash thread busy until `end`. */
export function saturate(site: Asked, inFlight = IN_FLIGHT) {
  let isOver = false
  const startedAt = performance.now()
  const answers = closedLoop(
    inFlight,
    () => isOver,
    () => slowLogin(site),
  )
  return {
    end: async () => {
      isOver = true
      return { answers: await answers, ms: performance.now() - startedAt }
    },
  }
}

export async function oneByOne(site: HashLoadSite, count: number): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < count; n++) times.push((await slowLogin(site)).ms)
  return times
}

export const residentMiB = async ({ homing }: HashLoadSite): Promise<number> =>
  (await metric(homing.url, 'process_resident_memory_bytes')) / 2 ** 20

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^\\w*${name} (\\S+)$`, 'm').exec(text)?.[1])
}

/** How many there are; throws when one is another answer than this. */
export function answered(answers: readonly HttpAnswer[], result: string): number {
  const bad = answers.find(answer => answer.status !== 200 || answer.result !== result)
  if (bad) throw new Error(`${bad.status} ${bad.result} after ${bad.ms} ms`)
  return answers.length
}

export const p99 = (answers: readonly HttpAnswer[]): number =>
  quantile(
    answers.map(({ ms }) => ms),
    0.99,
  )
