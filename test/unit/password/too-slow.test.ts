import t from 'tap'
import { TooSlow } from '../../../src/password/too-slow.js'

const hashOf = (name: string) =>
  ({ kind: 'sha512-crypt', salt: Buffer.from(name), rounds: 1_000_000 }) as const

t.test('guesses that are long, and so take too long, keep nobody out who types less', async t => {
  const tooSlow = new TooSlow({ now: () => 0 })
  tooSlow.note(hashOf('anna'), 17)
  t.equal(tooSlow.has(hashOf('anna'), 17), true)
  t.equal(tooSlow.has(hashOf('anna'), 18), true)
  t.equal(tooSlow.has(hashOf('anna'), 2), false)
  t.equal(tooSlow.has(hashOf('ben'), 18), false)
})

t.test('only as much work as took too long shows that it no longer does', async t => {
  const tooSlow = new TooSlow({ now: () => 0 })
  tooSlow.note(hashOf('anna'), 17)
  tooSlow.forget(hashOf('anna'), 2)
  t.equal(tooSlow.has(hashOf('anna'), 17), true)
  tooSlow.forget(hashOf('anna'), 17)
  t.equal(tooSlow.has(hashOf('anna'), 17), false)
})

t.test('what always takes too long is tried once in ten minutes', async t => {
  let now = 0
  const tooSlow = new TooSlow({ now: () => now })
  for (let times = 0; times < 20; times++) tooSlow.note(hashOf('anna'), 1)
  now = 599_999
  t.equal(tooSlow.has(hashOf('anna'), 1), true)
  now = 600_000
  t.equal(tooSlow.has(hashOf('anna'), 1), false)
})

t.test('of many the oldest are forgotten', async t => {
  const tooSlow = new TooSlow({ now: () => 0 })
  for (let user = 0; user <= 1000; user++) tooSlow.note(hashOf(`user ${user}`), 1)
  t.equal(tooSlow.has(hashOf('user 0'), 1), false)
  t.equal(tooSlow.has(hashOf('user 1000'), 1), true)
})
