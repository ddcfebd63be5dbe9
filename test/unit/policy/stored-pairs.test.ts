// Known pairs go to the database once a day, and come back from it.

import t, { type Test } from 'tap'
import type { KnownPair, KnownPairTable } from '../../../src/database/known-pairs.js'
import { openStoredPairs } from '../../../src/policy/stored-pairs.js'

const DAY_SECS = 86_400

function open(t: Test, known: readonly KnownPair[] = []) {
  let now = 100 * DAY_SECS
  let isDown = false
  const rows = new Map(known.map(({ pair, seen }) => [pair, seen]))
  const puts: number[] = []
  const table: KnownPairTable = {
    async *since(seconds) {
      if (isDown) throw new Error('down')
      yield [...rows].map(([pair, seen]) => ({ pair, seen })).filter(({ seen }) => seen >= seconds)
    },
    put: async pairs => {
      if (isDown) throw new Error('down')
      puts.push(pairs.length)
      for (const { pair, seen } of pairs) rows.set(pair, seen)
    },
    prune: async () => 0,
  }
  const learned: [number, number][] = []
  const warnings: string[] = []
  const pairs = openStoredPairs(table, {
    clock: { now: () => now * 1000, unixSeconds: () => now },
    knownForMs: 30 * DAY_SECS * 1000,
    learn: (pair, agoMs) => learned.push([pair, agoMs]),
    warn: message => warnings.push(message),
  })
  t.teardown(() => pairs.close())
  return {
    pairs,
    rows,
    puts,
    learned,
    warnings,
    pass: (secs: number) => {
      now += secs
    },
    down: (down: boolean) => {
      isDown = down
    },
  }
}

t.test('each pair is written once a day', async t => {
  const { pairs, rows, puts, pass } = open(t)
  for (let hour = 0; hour < 48; hour++) {
    for (let n = 0; n < 3; n++) pairs.succeeded(n)
    await pairs.close()
    pass(3600)
  }
  t.same(puts, [3, 3])
  t.equal(rows.size, 3)
})

t.test('many are written in batches', async t => {
  const { pairs, puts } = open(t)
  for (let n = 0; n < 1200; n++) pairs.succeeded(n)
  await pairs.close()
  t.same(puts, [500, 500, 200])
})

t.test('what is known comes back with its age, what is too old does not', async t => {
  const site = open(t, [
    { pair: 1, seen: 99 * DAY_SECS },
    { pair: 2, seen: 60 * DAY_SECS },
  ])
  await site.pairs.follow()
  t.same(site.learned, [[1, DAY_SECS * 1000]])
})

t.test('a database that is down is said once, and what was to be written is written later', async t => {
  const site = open(t)
  site.down(true)
  await site.pairs.follow()
  site.pairs.succeeded(7)
  await site.pairs.close()
  t.equal(site.warnings.length, 1)
  t.match(site.warnings[0], /cannot be read: down/)
  site.down(false)
  await site.pairs.close()
  t.ok(site.rows.has(7))
  await site.pairs.follow()
  t.match(site.warnings.slice(1), [/again/])
})

t.test('a database that is read and cannot be written is said once', async t => {
  const site = open(t)
  for (let n = 0; n < 3; n++) {
    site.pairs.succeeded(n)
    site.down(true)
    await site.pairs.close()
    site.down(false)
    await site.pairs.follow()
  }
  t.match(site.warnings, [/cannot be remembered: down/])
  t.equal(site.warnings.length, 1)
})
