// npm run bench -- hash-load [--seconds N] [--samples N]
//
// A whole service, asked over HTTP, whose hash threads are busy or overloaded: what becomes of those who need no hash,
// of those who are let in and of those who are not; and whether the time of a refusal tells who exists.

import { parseArgs } from 'node:util'
import { measureNeighbours, measureOverload, measureWhoExists, startSite } from './hash-load.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    samples: { type: 'string', default: '10000' },
  },
})
const ms = Number(values.seconds) * 1000
const figure = (value: number) => value.toFixed(2)

const usual = await startSite(5000)
try {
  // Before the others, whose cheap hashes would become what an unknown user costs.
  const times = await measureWhoExists(usual, Number(values.samples))
  console.log(
    `\nTime of a refusal, ${values.samples} samples each, in turn\n  medians: unknown user ${figure(times.unknown)} ms, ` +
      `wrong password ${figure(times.wrong)} ms, disabled user ${figure(times.disabled)} ms: ${figure(times.apart)} % apart (to reach: 3)`,
  )
  const neighbours = await measureNeighbours(usual, ms)
  console.log(
    `\nEvery hash thread saturated by SHA512-CRYPT, 5000 rounds (${figure(neighbours.slowPerSecond)} logins/s)`,
  )
  for (const [name, { idle, saturated }] of Object.entries({
    lookup: neighbours.lookup,
    'login without a hash': neighbours.cheapLogin,
  })) {
    console.log(
      `  ${name}: p99 ${figure(idle)} ms idle, ${figure(saturated)} ms saturated: ${figure(saturated / idle)} times (to reach: under 2)`,
    )
  }
} finally {
  await usual.close()
}

// So many rounds that twenty times the capacity is not more than this machine can ask.
const slow = await startSite(100_000)
try {
  const overload = await measureOverload(slow, 20, ms)
  console.log(
    [
      `\n20 times the hashing capacity: ${figure(overload.offered)} logins/s asked, ${figure(overload.capacity)}/s can be hashed (100,000 rounds)`,
      `  goodput ${figure(overload.goodput)}/s: ${figure((100 * overload.goodput) / overload.capacity)} % of the capacity (to reach: 80)`,
      `  the slowest that was let in: ${figure(overload.slowestAcceptedMs)} ms (deadline: 1500)`,
      `  ${overload.refused} refused with 503, ${overload.refusedWithRetryAfter} of them with Retry-After, p99 ${figure(overload.refusedP99Ms)} ms; ${overload.late} let in and not done in time, ${overload.odd} other answers`,
      `  resident: ${overload.residentMiB.map(figure).join(' → ')} MiB`,
      `  back to normal after ${figure(overload.backToNormalMs)} ms (to reach: 10,000)`,
    ].join('\n'),
  )
} finally {
  await slow.close()
}
