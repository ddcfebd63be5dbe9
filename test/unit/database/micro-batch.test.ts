import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createMicroBatch } from '../../../src/database/micro-batch.js'

const limits = { size: 4, patienceMs: 30, parallelAtMost: 2, timeoutMs: 1000 }

/** Remembers which keys went together; each batch takes so many milliseconds. */
function counting(ms: number, options = limits) {
  const batches: string[][] = []
  const ask = createMicroBatch(async keys => {
    batches.push([...keys])
    await sleep(ms)
    return key => key.toUpperCase()
  }, options)
  return { batches, ask }
}

t.test('one question goes alone and at once', async t => {
  const { batches, ask } = counting(1)
  t.equal(await ask('a'), 'A')
  t.same(batches, [['a']])
})

t.test('questions of the same moment go together, each key once', async t => {
  const { batches, ask } = counting(1)
  t.same(await Promise.all(['a', 'b', 'a', 'c'].map(ask)), ['A', 'B', 'A', 'C'])
  t.same(batches, [['a', 'b', 'c']])
})

t.test('no batch is larger than its limit, and all are answered', async t => {
  const { batches, ask } = counting(1)
  const keys = [...'abcdefghij']
  t.same(await Promise.all(keys.map(ask)), [...'ABCDEFGHIJ'])
  t.same(batches, [[...'abcd'], [...'efgh'], [...'ij']])
})

t.test('while a query runs the next batch collects', async t => {
  const batches: string[][] = []
  let endQueries = () => {}
  const end = new Promise<void>(resolve => {
    endQueries = resolve
  })
  const ask = createMicroBatch(
    async keys => {
      batches.push([...keys])
      await end
      return key => key
    },
    { ...limits, patienceMs: 20_000, timeoutMs: 20_000 },
  )
  const first = ask('a')
  await sleep(3)
  const others = ['b', 'c'].map(ask)
  await sleep(3)
  others.push(ask('d'))
  endQueries()
  await Promise.all([first, ...others])
  t.same(batches, [['a'], ['b', 'c', 'd']])
})

t.test('who waits too long for a slow query gets another one beside it, but not too many', async t => {
  const { batches, ask } = counting(200)
  const start = performance.now()
  const answers = [ask('a')]
  await sleep(5)
  answers.push(ask('b'))
  await sleep(60)
  t.same(batches, [['a'], ['b']])
  answers.push(ask('c'))
  await sleep(60)
  t.equal(batches.length, 2)
  await Promise.all(answers)
  t.same(batches, [['a'], ['b'], ['c']])
  t.ok(performance.now() - start < 1000)
})

t.test('a failure reaches everybody in its batch and nobody else', async t => {
  let calls = 0
  const ask = createMicroBatch<string>(async keys => {
    if (++calls === 1) throw new Error(`lost ${keys.length}`)
    return key => key
  }, limits)
  const outcomes = await Promise.allSettled(['a', 'b'].map(ask))
  t.same(
    outcomes.map(outcome => outcome.status),
    ['rejected', 'rejected'],
  )
  t.equal(await ask('a'), 'a')
})

t.test(
  'who has no answer in time is refused, whoever is before them, and a later one is answered',
  async t => {
    let speedMs = 3000
    const ask = createMicroBatch(
      async () => {
        await sleep(speedMs)
        return key => key
      },
      { ...limits, parallelAtMost: 1, timeoutMs: 1000 },
    )
    const start = performance.now()
    const late = [ask('a')]
    await sleep(300)
    late.push(ask('b'))
    const refused = await Promise.allSettled(late)
    t.ok(performance.now() - start < 2800, 'the wait for a place is part of the time')
    t.same(
      refused.map(outcome => outcome.status),
      ['rejected', 'rejected'],
    )
    speedMs = 1
    // Until the slow one has left its place.
    await sleep(3000)
    t.equal(await ask('c'), 'c')
  },
)
