// npm run bench -- hash-load [--parts N] [--samples N] [--patience SECONDS]
//
// A whole service, asked over HTTP, whose hash threads are busy or overloaded: what becomes of those who need no hash,
// of those who are let in and of those who are not; and whether the time of a refusal tells who exists. What is compared is
// measured in turn in this run, and the load generator has its share of the same cores. Parts in which others use the machine
// are measured again, as long as patience lasts.

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { defaultPasswordSettings } from '../../src/password/password-settings.js'
import { type Latency, measureNeighbours, measureOverload, measureWhoExists } from './hash-load.js'
import { type CpuParts, startSite } from './hash-load-site.js'

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: '7' },
    patience: { type: 'string', default: '60' },
    samples: { type: 'string', default: '10000' },
  },
})
const parts = Number(values.parts)
const patienceMs = Number(values.patience) * 1000
const figure = (value: number) => value.toFixed(2)
const percent = (share: number) => `${(100 * share).toFixed(0)} %`

/** So many rounds that the hashes are dear beside twenty times as many refusals on the same cores. */
const OVERLOAD_ROUNDS = 200_000
const OVERLOAD_TIMES = 20

/** A p99 of one part is of its two slowest: many parts, for their median. */
const NEIGHBOUR_PARTS = 3 * parts
const WARM_UP_MS = 15_000

console.log(`${availableParallelism()} cores, a hash thread on each but one, the load generator beside them`)
const usual = await startSite(5000)
try {
  // Before the others, whose cheap hashes would become what an unknown user costs.
  const times = await measureWhoExists(usual, Number(values.samples))
  console.log(
    `\nTime of a refusal, ${values.samples} samples each, in turn\n  medians: unknown user ${figure(times.unknown)} ms, ` +
      `wrong password ${figure(times.wrong)} ms, disabled ${figure(times.disabled)} ms, locked ${figure(times.locked)} ms: ` +
      `${figure(times.apart)} % apart (to reach: 3)`,
  )
  const neighbours = await measureNeighbours(usual, NEIGHBOUR_PARTS, patienceMs, WARM_UP_MS)
  console.log(
    [
      `\nEvery hash thread saturated by SHA512-CRYPT, 5000 rounds (${figure(neighbours.slowPerSecond)} logins/s)`,
      `  p99, the median of ${neighbours.parts} parts of ${neighbours.samplesInPart} samples, idle and saturated in turn${undisturbed(neighbours)}`,
      `  lookup: ${latency(neighbours.lookup)}`,
      `  login without a hash: ${latency(neighbours.cheapLogin)}`,
    ].join('\n'),
  )
} finally {
  await usual.close()
}

const slow = await startSite(OVERLOAD_ROUNDS)
try {
  const overload = await measureOverload(slow, OVERLOAD_TIMES, parts, patienceMs)
  const [share, least, most] = overload.share
  console.log(
    [
      `\n${OVERLOAD_TIMES} times the hashing capacity: ${figure(overload.offered)} logins/s asked, ${figure(overload.capacity)}/s can be hashed (${OVERLOAD_ROUNDS} rounds)${undisturbed(overload)}`,
      `  goodput ${figure(overload.goodput)}/s: ${percent(share)} of the capacity just before and after (${percent(least)} to ${percent(most)}; to reach: 80)`,
      `  of the time that the cores gave: ${spent(overload.cpu)}; a login takes ${(1000 * (overload.cpu.service / overload.answers)).toFixed(0)} µs of the event loop`,
      `  the slowest that was let in: ${figure(overload.slowestAcceptedMs)} ms (deadline: ${defaultPasswordSettings.auth_hash_timeout})`,
      `  ${overload.refused} refused with 503, ${overload.refusedWithRetryAfter} of them with Retry-After, p99 ${figure(overload.refusedP99Ms)} ms; ${overload.late} let in and not done in time, ${overload.odd} other answers`,
      `  resident: ${overload.residentMiB.map(figure).join(' → ')} MiB`,
      `  back to normal after ${figure(overload.backToNormalMs)} ms (to reach: 10,000)`,
    ].join('\n'),
  )
} finally {
  await slow.close()
}

function latency({ idle, saturated }: Latency): string {
  return `${figure(idle)} ms idle, ${figure(saturated)} ms saturated: ${figure(saturated / idle)} times (to reach: under 2)`
}

function undisturbed({ parts, quietParts }: { parts: number; quietParts: number }): string {
  return quietParts === parts ? '' : `; others used the machine in ${parts - quietParts} of ${parts} parts`
}

function spent({ hashThreads, service, loadGenerator }: CpuParts): string {
  const all = hashThreads + service + loadGenerator
  return `hash threads ${percent(hashThreads / all)}, event loop ${percent(service / all)}, load generator ${percent(loadGenerator / all)}`
}
