import t from 'tap'
import { FairQueue } from '../../../src/password/fair-queue.js'

function queueOf(items: string): FairQueue<string> {
  const queue = new FairQueue<string>()
  // 'a1 a2 b1': the letter is the user.
  for (const item of items.split(' ')) queue.push(item.charAt(0), item)
  return queue
}

function drain(queue: FairQueue<string>): string {
  const taken: string[] = []
  for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item)
  return taken.join(' ')
}

t.test('users take turns, each in the order of their own requests', async t => {
  t.equal(drain(queueOf('a1 a2 a3 b1 c1 c2')), 'a1 b1 c1 a2 c2 a3')
})

t.test('a condition passes over users without losing their turn', async t => {
  const queue = queueOf('a1 b1 c1')
  t.equal(
    queue.take(item => item !== 'a1'),
    'b1',
  )
  t.equal(
    queue.take(item => item === 'c1', 1),
    undefined,
    'not looked further than asked',
  )
  t.equal(drain(queue), 'a1 c1')
})

t.test('what is put back is next', async t => {
  const queue = queueOf('a1 b1')
  queue.putBack('c', 'c0')
  t.equal(drain(queue), 'c0 a1 b1')
})

t.test('the newest of the longest is dropped', async t => {
  const queue = queueOf('a1 b1 b2 b3 c1 c2')
  t.equal(queue.longest, 3)
  t.equal(queue.dropFromLongest(), 'b3')
  t.equal(queue.longest, 2)
  t.equal(queue.size, 5)
  t.equal(new FairQueue().dropFromLongest(), undefined)
})

t.test('a removed item is gone, and its user with it', async t => {
  const queue = queueOf('a1 b1')
  t.equal(queue.remove('a', 'a1'), true)
  t.equal(queue.remove('a', 'a1'), false)
  t.equal(queue.lengthOf('a'), 0)
  t.equal(queue.longest, 1)
  t.equal(drain(queue), 'b1')
  t.equal(queue.longest, 0)
})
