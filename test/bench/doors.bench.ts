// npm run bench -- doors [NAME…] [--only TEXT] [--seconds N] [--rounds N]
//
// What each door carries, beside what it is compared with. All contenders of a measurement run in turn, several rounds, and
// each is compared with the reference of its own round, so that a slow minute of the machine hits both.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cpuMicros } from './doors/cpu-time.js'
import { endToEnd } from './doors/end-to-end.js'
import type { Contender, Measurement } from './doors/measurement.js'
import { policy } from './doors/policy.js'
import type { LoadResult } from './load-result.js'
import { median } from './quantile.js'

/** One line each. */
const measurements: readonly Measurement[] = [endToEnd, policy]

const { values, positionals } = parseArgs({
  options: {
    // Many short rounds: a machine that others share may change its pace within one long one.
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '7' },
    /** Contenders with this in their name. */
    only: { type: 'string', default: '' },
  },
  allowPositionals: true,
})
const timing = { warmupMs: 500, durationMs: Number(values.seconds) * 1000 }

/** One contender in one round. */
interface Run {
  readonly result: LoadResult
  /** Who used the CPU → microseconds for each answer. */
  readonly cpu: Readonly<Record<string, number>>
}

for (const measurement of measurements) {
  if (positionals.length > 0 && !positionals.includes(measurement.name)) continue
  console.log(`\n${measurement.name}: ${measurement.title}`)
  const folder = mkdtempSync(join(tmpdir(), 'homing-bench-'))
  try {
    const { contenders: all, close } = await measurement.open(folder)
    const contenders = all.filter(({ name }) => name.includes(values.only))
    try {
      print(contenders, await inTurn(contenders))
    } finally {
      await close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function inTurn(contenders: readonly Contender[]): Promise<Map<string, Run[]>> {
  const runs = new Map<string, Run[]>(contenders.map(({ name }) => [name, []]))
  // A program in JavaScript is compiled while it runs; what serves for weeks is not measured in its first seconds.
  for (const { load } of contenders) await load({ ...timing, durationMs: 1000 })
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contenders) runs.get(contender.name)?.push(await measure(contender))
  }
  return runs
}

async function measure({ processes = {}, load }: Contender): Promise<Run> {
  const used = () => Object.entries(processes).map(([name, family]) => [name, cpuMicros(family)] as const)
  const before = new Map(used())
  const startedAt = performance.now()
  const result = await load(timing)
  const answers = (result.requestsPerSecond * (performance.now() - startedAt)) / 1000
  const cpu = Object.fromEntries(
    used().map(([name, micros]) => [name, (micros - (before.get(name) ?? 0)) / answers]),
  )
  return { result, cpu: { ...cpu, load: (result.generatorPercent * 10_000) / result.requestsPerSecond } }
}

function print(contenders: readonly Contender[], runs: ReadonlyMap<string, readonly Run[]>): void {
  const ratesOf = (name: string) => (runs.get(name) ?? []).map(({ result }) => result.requestsPerSecond)
  const width = Math.max(0, ...contenders.map(({ name }) => name.length))
  for (const { name, comparedWith } of contenders) {
    const rates = ratesOf(name)
    const of = (figure: (run: Run) => number) => median((runs.get(name) ?? []).map(figure))
    const p50 = of(({ result }) => result.p50Ms).toFixed(1)
    const p99 = of(({ result }) => result.p99Ms).toFixed(1)
    const cpu = Object.keys(runs.get(name)?.[0]?.cpu ?? {})
      .map(who => `${who} ${of(run => run.cpu[who] ?? 0).toFixed(0)}`)
      .join(', ')
    const range = `${Math.min(...rates).toFixed(0)}–${Math.max(...rates).toFixed(0)}`
    console.log(
      `${name.padEnd(width)}  ${median(rates).toFixed(0).padStart(6)}/s (${range})  p50 ${p50} ms  p99 ${p99} ms` +
        `${comparedWith ? verdict(median(ratios(rates, ratesOf(comparedWith.name))), comparedWith) : ''}  CPU µs each: ${cpu}  ${statuses(runs.get(name) ?? [])}`,
    )
  }
}

/** Round by round; empty if there are no references. */
function ratios(rates: readonly number[], references: readonly number[]): number[] {
  return references.map((reference, round) => (rates[round] ?? Number.NaN) / reference)
}

function verdict(ratio: number, { name, atLeast }: NonNullable<Contender['comparedWith']>): string {
  if (!Number.isFinite(ratio)) return `  (${name} was not measured)`
  const goal = atLeast === undefined ? '' : ` (goal ${atLeast}: ${ratio >= atLeast ? 'reached' : 'missed'})`
  return `  ${ratio.toFixed(2)} of ${name}${goal}`
}

/** Anything but one good answer means that the figure is worth nothing. */
function statuses(runs: readonly Run[]): string {
  return [...new Set(runs.flatMap(({ result }) => Object.keys(result.statuses)))].join(' ')
}
