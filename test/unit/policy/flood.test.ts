// A flood of invented names makes no room for the next guesses at one account.

import t from 'tap'
import { FloodCount } from '../../../src/policy/flood-count.js'
import { addressNumber, attemptOf, openSite } from './simulation.js'

const MINUTE_MS = 60_000
const MOST_TRIES = 100

t.test('guesses at one account, and between them tens of thousands at others', async t => {
  const site = openSite({ policy_memory: 6 << 20 })
  let reached = 0
  let keptOut = 0
  for (let round = 0; round < 6; round++) {
    for (let n = 0; n < 120; n++) {
      const attempt = {
        ...attemptOf('anna', addressNumber(round * 200 + n), `${round} ${n}`),
        ...(n % 2 && { session: `${round} ${n}`, mechanism: 'CRAM-MD5' }),
      }
      if ((await site.policy.allow(attempt)).status < 0) continue
      reached++
      await site.policy.report({ ...attempt, success: false, policyReject: false, failType: '' })
    }
    for (let n = 0; n < 5000; n++) {
      const stranger = round * 5000 + n
      await site.logIn({
        user: `stranger${stranger}`,
        from: addressNumber(100_000 + stranger),
        password: 'p',
      })
    }
    for (let n = 0; n < 50; n++) {
      const from = `172.${20 + round}.${n}.1`
      if ((await site.logIn({ user: `staff${n}`, from, password: 'right' })) !== 'in') keptOut++
    }
    site.pass(8 * MINUTE_MS)
  }
  t.ok(reached <= MOST_TRIES, `${reached} reached the account`)
  t.equal(keptOut, 0, 'users go on logging in from new places')
})

t.test('it never counts less than there was, and forgets after two windows', async t => {
  const flood = new FloodCount(1 << 12, 1000, 0)
  for (let n = 0; n < 3000; n++) for (let i = 0; i <= n % 7; i++) flood.add(`name ${n}`, 0, 1)
  for (let n = 0; n < 3000; n++) if (flood.count(`name ${n}`, 0) < (n % 7) + 1) t.fail(`name ${n}`)
  const exact = new FloodCount(1 << 16, 1000, 0)
  for (let i = 0; i < 10; i++) exact.add('anna', 0, 1)
  exact.add('anna', 0, -1)
  t.equal(exact.count('anna', 0), 9)
  t.equal(exact.count('anna', 1500), 4.5, 'halfway through the next window half of them count')
  t.equal(exact.count('anna', 2000), 0)
  for (let i = 0; i < 1000; i++) exact.add('bert', 2000, 1)
  t.equal(exact.count('bert', 2000), 255)
})
