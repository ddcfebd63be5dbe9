// npm run test:soak -- [--minutes 30] [--rate 150] [--every 30]
//
// Steady logins, and a fault at random every so many seconds. At the end: wrong answers, lost writes, and whether memory or
// descriptors of any copy have grown. Copies are not restarted, so that what leaks is seen.

import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { tryFault } from './fault.js'
import { quantile } from './load.js'
import { descriptorsOf, memoryOf, type Site, startSite } from './site.js'
import { faultTable } from './table.js'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '150' },
    every: { type: 'string', default: '30' },
  },
})
const SAMPLE_MS = 5000
/** The median of the last quarter may be so much above that of the second: what a collector of garbage leaves open. */
const MOST_GROWTH = 0.1
const MOST_DESCRIPTORS = 60

/** Rows that leave all copies running and last some seconds. */
const suitable = /database (dies|is \d)|answers stop|packets|half-open|failover|Valkey|replica is behind/

interface Sample {
  readonly memoryMiB: readonly number[]
  readonly descriptors: readonly number[]
}

const table = faultTable({ requests: 0, kills: 0 }).filter(({ title }) => suitable.test(title))
const site = await startSite({ rate: Number(values.rate), coldUsers: 200_000 })
let isGood = true
try {
  isGood = await soak(site, Number(values.minutes) * 60_000, Number(values.every) * 1000)
} finally {
  await site.close()
}
process.exitCode = isGood ? 0 : 1

async function soak(site: Site, forMs: number, everyMs: number): Promise<boolean> {
  const until = performance.now() + forMs
  const samples: Sample[] = []
  const sampler = setInterval(() => samples.push(sampleOf(site)), SAMPLE_MS)
  const wrong: string[] = []
  const lost: string[] = []
  while (performance.now() < until) {
    const next = performance.now() + everyMs
    const fault = table[Math.floor(Math.random() * table.length)]
    if (!fault) break
    const result = await tryFault(fault, site)
    wrong.push(...result.wrong)
    lost.push(...result.lost)
    console.log(
      `${result.good ? 'pass' : 'miss'}  ${fault.id}  ${fault.title}: ${result.wrong.length} wrong, ` +
        `memory ${memory(samples.at(-1))}, descriptors ${samples.at(-1)?.descriptors.join(' ')}`,
    )
    await sleep(Math.max(0, Math.min(next, until) - performance.now()))
  }
  clearInterval(sampler)
  const { load, admin } = site
  console.log(
    `${load.asked} logins, ${wrong.length} wrong; ${admin.acknowledged} writes, ${lost.length} lost`,
  )
  for (const line of [...wrong, ...lost].slice(0, 10)) console.log(line)
  return wrong.length + lost.length === 0 && hasNotGrown(samples)
}

function sampleOf({ topology: { copies } }: Site): Sample {
  return { memoryMiB: copies.map(memoryOf), descriptors: copies.map(descriptorsOf) }
}

function memory(sample: Sample | undefined): string {
  return `${sample?.memoryMiB.map(value => Math.round(value)).join(' ')} MiB`
}

/** The first quarter warms up: caches fill, code is compiled. */
function hasNotGrown(samples: readonly Sample[]): boolean {
  const quarter = Math.floor(samples.length / 4)
  const [second, last] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)]
  let isGood = quarter > 0
  for (const copy of samples[0]?.memoryMiB.keys() ?? []) {
    const medianOf = (some: readonly Sample[], of: keyof Sample) =>
      quantile(
        some.map(sample => sample[of][copy] ?? 0),
        0.5,
      )
    const [early, late] = [medianOf(second, 'memoryMiB'), medianOf(last, 'memoryMiB')]
    const [few, many] = [medianOf(second, 'descriptors'), medianOf(last, 'descriptors')]
    const isFlat = late <= early * (1 + MOST_GROWTH) && many <= few + MOST_DESCRIPTORS
    isGood &&= isFlat
    console.log(
      `${isFlat ? 'pass' : 'FAIL'}  copy ${copy + 1}: memory ${Math.round(early)} → ${Math.round(late)} MiB, ` +
        `descriptors ${few} → ${many} (medians of the second and the last quarter)`,
    )
  }
  return isGood
}
