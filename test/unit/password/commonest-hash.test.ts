import t from 'tap'
import { CommonestHash } from '../../../src/password/commonest-hash.js'
import type { Comparison } from '../../../src/password/password-scheme.js'

const costing = (rounds: number): Comparison => ({
  kind: 'slow',
  hash: { kind: 'sha512-crypt', salt: Buffer.alloc(16), rounds },
  matches: () => false,
})

t.test('each stored value counts once, however often it is compared', async t => {
  const commonest = new CommonestHash({ now: () => 0 })
  for (const account of ['anna', 'ben']) commonest.note(account, costing(5000))
  for (let guess = 0; guess < 60; guess++) commonest.note('attacked', costing(1_000_000))
  t.equal(commonest.get(), 'anna')
})

t.test('the values compared last count, a thousand of them', async t => {
  const commonest = new CommonestHash({ now: () => 0 })
  for (let account = 0; account < 1000; account++) commonest.note(`old ${account}`, costing(5000))
  for (let account = 0; account < 501; account++) commonest.note(`new ${account}`, costing(10_000))
  t.equal(commonest.get(), 'new 0')
})

t.test('what was not compared for a week counts no more', async t => {
  let now = 0
  const commonest = new CommonestHash({ now: () => now })
  for (const account of ['anna', 'ben']) commonest.note(account, costing(5000))
  now += 7 * 86_400_000
  commonest.note('carla', costing(10_000))
  t.equal(commonest.get(), 'carla')
})
