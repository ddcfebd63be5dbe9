// One row of the table of faults, and how it is tried.

import { setTimeout as sleep } from 'node:timers/promises'
import { quantile, type Seen } from './load.js'
import type { Site } from './site.js'

export interface Fault {
  /** As in the table of faults: T01 … T22. */
  readonly id: string
  readonly title: string
  /** What is to be reached. */
  readonly figure: string
  /** How long it is looked at before, where that is compared. */
  readonly beforeMs?: number
  /** So many times as many logins as usual, where a percentile is compared and needs them. */
  readonly times?: number
  /** How long it lasts. */
  readonly lastsMs: number
  inject(site: Site): unknown
  heal(site: Site): unknown
  /** What else happens meanwhile; its answer goes to `expect`. */
  during?(site: Site): Promise<Measured>
  /** Administrators go on changing passwords while it lasts. */
  readonly isWrittenDuring?: boolean
  /** The row's own figure, in words, and whether it was reached. Wrong answers and lost writes are looked for in all rows. */
  expect(effect: Effect, site: Site): Measured
}

export interface Measured {
  readonly said: string
  readonly good: boolean
}

export interface Effect {
  readonly before: readonly Seen[]
  readonly during: readonly Seen[]
  readonly after: readonly Seen[]
  /** From the end of the fault until logins that need the database are right again. */
  readonly recoveryMs: number
  readonly acknowledgedDuring: number
}

export interface FaultResult {
  readonly id: string
  readonly title: string
  readonly figure: string
  readonly measured: string
  readonly good: boolean
  readonly asked: number
  readonly temporary: number
  /** Why there was no answer: `status 503` → how often. */
  readonly reasons: Readonly<Record<string, number>>
  readonly wrong: readonly string[]
  readonly lost: readonly string[]
}

const BEFORE_MS = 2500
const AFTER_MS = 1500
const RECOVERY_LIMIT_MS = 20_000

/** Injects, waits, heals, and waits until all is well; never leaves the fault in place. */
export async function tryFault(fault: Fault, site: Site): Promise<FaultResult> {
  const { load, admin } = site
  const wrongBefore = load.wrong.length
  if (!fault.isWrittenDuring) await admin.pause()
  if (fault.times !== undefined) load.setRate(fault.times * site.rate)
  const startedAt = performance.now()
  await sleep(fault.beforeMs ?? BEFORE_MS)
  const injectedAt = performance.now()
  const acknowledgedBefore = admin.acknowledged
  let extra: Measured | undefined
  let healedAt = injectedAt
  try {
    await fault.inject(site)
    const [measured] = await Promise.all([fault.during?.(site), sleep(fault.lastsMs)])
    extra = measured
  } catch (error) {
    extra = claim(`it could be tried: ${(error as Error).message}`, false)
  } finally {
    healedAt = performance.now()
    await fault.heal(site)
    if (fault.times !== undefined) load.setRate(site.rate)
  }
  const acknowledgedDuring = admin.acknowledged - acknowledgedBefore
  const recoveryMs = await site.untilWell(RECOVERY_LIMIT_MS)
  admin.goOn()
  const wellAt = performance.now()
  await sleep(AFTER_MS)
  const effect: Effect = {
    before: load.seen(startedAt, injectedAt),
    during: load.seen(injectedAt, healedAt),
    after: load.seen(wellAt),
    recoveryMs,
    acknowledgedDuring,
  }
  const own = fault.expect(effect, site)
  const wrong = load.wrong.slice(wrongBefore)
  const lost = await admin.lost()
  const all = load.seen(startedAt)
  const measured = extra ? [extra, own] : [own]
  return {
    id: fault.id,
    title: fault.title,
    figure: fault.figure,
    measured: measured.map(({ said }) => said).join('; '),
    good: measured.every(({ good }) => good) && wrong.length === 0 && lost.length === 0,
    asked: all.length,
    temporary: all.filter(({ verdict }) => verdict === 'temporary').length,
    reasons: countBy(
      all.filter(({ verdict }) => verdict === 'temporary'),
      ({ said }) => said,
    ),
    wrong,
    lost,
  }
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1
  return counts
}

// ---- What rows say -----------------------------------------------------------------------------------------------

export const p99 = (answers: readonly Seen[]): number =>
  quantile(
    answers.map(({ ms }) => ms),
    0.99,
  )

export const cached = (answers: readonly Seen[]): readonly Seen[] =>
  answers.filter(({ group, verdict }) => group === 'warm' && verdict === 'right')

export function share(answers: readonly Seen[], verdict: Seen['verdict']): number {
  return answers.length === 0
    ? 0
    : answers.filter(answer => answer.verdict === verdict).length / answers.length
}

/** `label 12 ms (≤ 100)`. The figure may be passed by `spare`, which is said: so much is the machine's own unrest. */
export function atMost(label: string, value: number, limit: number, unit = 'ms', spare = 0): Measured {
  const bound = spare > 0 ? `${round(limit)} + ${round(spare)}` : round(limit)
  return { said: `${label} ${round(value)} ${unit} (≤ ${bound})`, good: value <= limit + spare }
}

export function all(...measured: readonly Measured[]): Measured {
  return { said: measured.map(({ said }) => said).join(', '), good: measured.every(({ good }) => good) }
}

export function claim(said: string, good: boolean): Measured {
  return { said: good ? said : `NOT: ${said}`, good }
}

/** Cached users notice nothing: nearly all of them are let in, and in time. */
export function cachedGoOn({ during, before }: Effect, limitMs: number): Measured {
  const warm = during.filter(({ group }) => group === 'warm')
  return all(
    atMost('cached p99', p99(cached(during)), limitMs, 'ms', 2 * p99(cached(before))),
    claim(`${(100 * share(warm, 'right')).toFixed(1)} % of cached let in`, share(warm, 'right') > 0.99),
  )
}

export function recovers({ recoveryMs }: Effect, limitMs: number): Measured {
  return atMost('well again after', recoveryMs, limitMs)
}

function round(value: number): string {
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(2)
}
