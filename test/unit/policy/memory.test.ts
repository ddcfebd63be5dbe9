// What the counters are accounted for is near what they take, and there is an end to it.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { createLocalTries } from '../../../src/policy/local-tries.js'
import { addressNumber, attemptOf, defaults, openSite } from './simulation.js'

const MIB = 1 << 20

t.test('a million names and addresses stay within the memory', async t => {
  const site = openSite()
  for (let n = 0; n < 300_000; n++) {
    const attempt = attemptOf(`user${n}@example.org`, addressNumber(n), `${n}`)
    await site.policy.allow(attempt)
    await site.policy.report({ ...attempt, success: n % 3 === 0, policyReject: false, failType: '' })
  }
  const { bytes, groups, pairs } = site.policy.figures()
  t.ok(
    bytes <= defaults.policy_memory,
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
