import t from 'tap'
import { answered } from '../../../src/state/answer.js'
import { createMemoryStore } from '../../../src/state/memory-store.js'
import { stateStoreSuite } from './state-store.suite.js'

stateStoreSuite(t, async () => createMemoryStore(() => performance.now()))

t.test('however many keys there are, the memory they take is bounded', async t => {
  let now = 0
  const store = createMemoryStore(() => now, 3)
  for (const key of ['a', 'b', 'c', 'd']) await store.set(key, key, 100)
  t.same(await store.get('a'), answered(undefined), 'the oldest had to leave')
  t.same(await store.get('d'), answered('d'))
  await store.set('long', 'lives', 1000)
  now = 500
  await store.set('e', 'e', 100)
  t.same(await store.get('long'), answered('lives'), 'those whose time is over leave first')
})
