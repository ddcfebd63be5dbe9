// What the counters are accounted for is near what they take, and there is an end to it.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { createLocalTries } from '../../../src/policy/local-tries.js'
import { addressNumber, attemptOf, openSite } from './simulation.js'

const MIB = 1 << 20

t.test('names and addresses without end stay within the memory', async t => {
  const memory = 16 * MIB
  const site = openSite({ policy_memory: memory })
  for (let n = 0; n < 100_000; n++) {
    const attempt = attemptOf(`user${n}@example.org`, addressNumber(n), `${n}`)
    await site.policy.allow(attempt)
    await site.policy.report({ ...attempt, success: n % 3 === 0, policyReject: false, failType: '' })
  }
  const { bytes, groups, pairs } = site.policy.figures()
  t.ok(
    bytes <= memory && bytes > memory / 4,
    `${Math.round(bytes / MIB)} MiB for ${groups} groups and ${pairs} pairs`,
  )
})

t.test('the accounted bytes are near the resident ones', async t => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const tries = createLocalTries({
    windowMs: 3_600_000,
    knownForMs: 3_600_000,
    memoryBytes: 512 * MIB,
    clock: performance,
  })
  gc()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < 200_000; n++) {
    tries.recordNow({
      pair: `${addressNumber(n)}/24 user${n}@example.org`,
      succeeded: true,
      failed: [{ group: `address_failures ${addressNumber(n)}`, member: `${n}`, forKnown: false }],
      forgiven: [],
      allowances: [],
    })
  }
  gc()
  const perAccounted = (process.memoryUsage().heapUsed - before) / tries.bytes
  t.ok(perAccounted < 1.33, `${perAccounted.toFixed(2)} bytes of heap for one that is accounted`)
})

t.test('one user under attack is not found slower and slower', async t => {
  const tries = createLocalTries({
    windowMs: 3_600_000,
    knownForMs: 3_600_000,
    memoryBytes: 64 * MIB,
    clock: performance,
  })
  const fail = (group: string, n: number) =>
    tries.recordNow({
      pair: undefined,
      succeeded: false,
      failed: [{ group, member: `${n}`, forKnown: false }],
      forgiven: [],
      allowances: [],
    })
  for (let n = 0; n < 50_000; n++) fail(`user ${n}`, n)
  const timeOf = (count: number) => {
    const startedAt = performance.now()
    for (let n = 0; n < count; n++) fail('anna', n)
    return (performance.now() - startedAt) / count
  }
  timeOf(2000)
  const [first, later] = [timeOf(2000), timeOf(50_000)]
  t.ok(later < 10 * first + 0.01, `${(later * 1000).toFixed(1)} and ${(first * 1000).toFixed(1)} µs`)
})
