import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { HashPool, type HashPoolOptions } from '../../../src/password/hash-pool.js'
import type { HashOutcome } from '../../../src/password/hash-task.js'

const program = new URL('./fixtures/obedient-worker.js', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'homing-hash-pool-'))
t.teardown(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = () => join(folder, String(files++))

function poolOf(options: Partial<HashPoolOptions> = {}) {
  const pool = new HashPool({
    threads: 1,
    queueLimit: 100,
    timeoutMs: 20_000,
    maxWaitMs: 20_000,
    timeLimitMs: 10_000,
    memoryLimitBytes: 2 ** 30,
    program,
    ...options,
  })
  let users = 0
  /** One request of a user of its own, whose stored value is its own. */
  const submit = (password: string, user = `user ${users++}`) => {
    const salt = Buffer.from(user.slice(0, 16).padEnd(16))
    const hash = { kind: 'sha512-crypt', salt, rounds: 5000 } as const
    return pool.submit({ hash, password: Buffer.from(password), user })
  }
  const ask = async (password: string, user?: string): Promise<string> =>
    textOf(await submit(password, user).outcome)
  return { pool, ask, submit }
}

/** Such hashes share no pass and are never sent ahead, so as many run as threads are ready. */
async function untilAllAreReady(pool: HashPool, threads: number): Promise<void> {
  const hash = { kind: 'des-crypt', salt: Buffer.from('ab') } as const
  const asked: Promise<HashOutcome>[] = []
  while (pool.stats.running < threads) {
    const password = Buffer.from(`sleep 50 ${asked.length}`)
    asked.push(pool.submit({ hash, password, user: `user ${asked.length}` }).outcome)
    await setTimeout(10)
  }
  await Promise.all(asked)
}

/** A hash that takes 60 MiB. */
function submitBig(pool: HashPool, password: string, user: string): Promise<HashOutcome> {
  const costs = { memoryKiB: 60 * 1024, passes: 1, lanes: 1, bytes: 32 } as const
  const hash = { kind: 'argon2id', salt: Buffer.from(user.padStart(16)), ...costs } as const
  return pool.submit({ hash, password: Buffer.from(password), user }).outcome
}

const textOf = (outcome: HashOutcome): string =>
  'digest' in outcome ? outcome.digest.toString() : Object.entries(outcome).flat().join(': ')

t.test('a pool starts no thread before it is needed, and keeps the one it started', async t => {
  const { pool, ask } = poolOf({ threads: 4 })
  t.equal(pool.stats.threads, 0)
  t.equal(await ask('one'), 'one')
  t.equal(await ask('two'), 'two')
  t.equal(pool.stats.threads, 1)
  await pool.close()
})

t.test('a thread that crashes is replaced and its request tried once more', async t => {
  const { pool, ask } = poolOf()
  t.equal(await ask(`crash once ${newFile()}`).then(text => text.slice(0, 10)), 'crash once')
  t.equal(pool.stats.threadsLost, 1)
  t.equal(await ask('next'), 'next')
  await pool.close()
})

t.test('a request that crashes every thread is unavailable, and takes nobody with it', async t => {
  const { pool, ask } = poolOf()
  const answers = await Promise.all([ask('crash'), ask('a'), ask('b'), ask('c'), ask('d')])
  t.match(answers[0], /^unavailable: the hash thread ended with code 3/)
  t.strictSame(answers.slice(1), ['a', 'b', 'c', 'd'])
  t.equal(pool.stats.threadsLost, 2)
  await pool.close()
})

t.test('a thread that hangs over what is quick is replaced and its request tried once more', async t => {
  const { pool, ask } = poolOf({ timeLimitMs: 300 })
  const answers = await Promise.all([ask(`hang once ${newFile()}`), ask('a'), ask('hang'), ask('b')])
  t.match(answers[0], /^hang once/)
  t.equal(answers[1], 'a')
  t.match(answers[2], 'unavailable: the hash thread took too long')
  t.equal(answers[3], 'b')
  await pool.close()
})

t.test('of those that share a pass with what hangs, only that is unavailable', async t => {
  const { pool, ask } = poolOf({ timeLimitMs: 300 })
  await ask('ready')
  const answers = await Promise.all(['first', 'hang', 'a', 'b', 'c'].map(text => ask(text)))
  t.equal(answers[1], 'unavailable: the hash thread took too long')
  t.strictSame(answers.toSpliced(1, 1), ['first', 'a', 'b', 'c'])
  await pool.close()
})

t.test(
  'a stored value whose hash took too long takes no thread for a while, and others do not notice',
  async t => {
    let now = 0
    const { pool, ask } = poolOf({ timeLimitMs: 300, clock: { now: () => now } })
    const attack = async (password: string) => textOf(await submitBig(pool, password, 'attacked'))
    await ask('ready')
    const waiting = ['hang', 'hang', 'hang', 'hang'].map(attack)
    t.match(await waiting[0], /the hash thread took too long/)
    for (const answer of waiting.slice(1)) t.match(await answer, /^unavailable: .*took too long/)
    t.equal(await attack('more'), 'unavailable: the hash took too long a moment ago')
    t.equal(await ask('secret', 'anna'), 'secret')
    t.equal(pool.stats.threadsLost, 1)
    now += 10_000
    t.match(await attack('hang'), /the hash thread took too long/)
    now += 10_000
    t.match(await attack('more'), /a moment ago/, 'the second time it is twice as long')
    now += 10_000
    t.equal(await attack('more'), 'more')
    t.equal(pool.stats.threadsLost, 2)
    await pool.close()
  },
)

t.test('a computation that throws is unavailable and costs no thread', async t => {
  const { pool, ask } = poolOf()
  t.equal(await ask('throw'), 'unavailable: the hash was not computed: as told')
  t.equal(await ask('next'), 'next')
  t.equal(pool.stats.threadsLost, 0)
  await pool.close()
})

t.test('a full queue refuses at once and keeps what it accepted', async t => {
  const { pool, ask } = poolOf({ queueLimit: 4 })
  await ask('ready')
  const start = performance.now()
  const refusedAfter: number[] = []
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const text = await ask(`sleep 20 ${i}`)
      if (text.startsWith('unavailable')) refusedAfter.push(performance.now() - start)
      return text
    }),
  )
  const kept = answers.filter(text => text.startsWith('sleep'))
  t.ok(kept.length >= 4 && kept.length <= 8, `${kept.length} of 20 were computed`)
  t.ok(Math.max(...refusedAfter) < 20, 'the others were refused before the first was computed')
  t.equal(pool.stats.refused, 20 - kept.length)
  await pool.close()
})

t.test('a request that would wait too long is refused as soon as hashes are known to be slow', async t => {
  const { pool, ask } = poolOf({ queueLimit: 1000, maxWaitMs: 600 })
  await ask('sleep 100')
  await ask('sleep 100')
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(`sleep 100 ${i}`)))
  const kept = answers.filter(text => text.startsWith('sleep'))
  t.ok(kept.length >= 4 && kept.length <= 10, `${kept.length} of 40 were accepted`)
  t.equal(pool.stats.timedOut, 0, 'nobody waited in vain')
  await pool.close()
})

t.test('a request waits for a thread until its deadline; one that has begun is computed', async t => {
  const { pool, ask } = poolOf({ timeoutMs: 300 })
  await pool.warmUp()
  const answers = await Promise.all([ask('sleep 600 a'), ask('sleep 600 b'), ask('c')])
  t.strictSame(answers.slice(0, 1), ['sleep 600 a'])
  t.match(answers[2], /^unavailable: no thread was free for the hash in time: retryAfterSecs: /)
  t.ok(pool.stats.timedOut > 0)
  await pool.close()
})

t.test('a thread that takes much longer than it usually does hangs', async t => {
  const { pool, ask } = poolOf()
  await ask('usual')
  const start = performance.now()
  t.match(await ask(`hang once ${newFile()}`), /^hang once/)
  t.ok(performance.now() - start < 5000, 'it is not given all of the time a hash may take')
  t.equal(pool.stats.threadsLost, 1)
  await pool.close()
})

t.test('a user with many requests does not stand before everybody else', async t => {
  const { pool, ask } = poolOf()
  await ask('ready')
  const order: string[] = []
  const note = async (text: Promise<string>, user: string) => {
    await text
    order.push(user)
  }
  const many = Array.from({ length: 40 }, (_, i) => note(ask(`sleep 3 ${i}`, 'attacked'), 'attacked'))
  const few = ['anna', 'ben', 'carla'].map(user => note(ask('sleep 3', user), user))
  await Promise.all([...many, ...few])
  const last = Math.max(...['anna', 'ben', 'carla'].map(user => order.indexOf(user)))
  t.ok(last < 16, `everybody else was served among the first ${last + 1} of 43`)
  await pool.close()
})

t.test('in a full queue the user with most requests makes room for others', async t => {
  const { pool, ask } = poolOf({ queueLimit: 10 })
  await ask('ready')
  const attack = Array.from({ length: 30 }, (_, i) => ask(`sleep 10 ${i}`, 'attacked'))
  t.equal(await ask('sleep 1', 'anna'), 'sleep 1')
  const refused = (await Promise.all(attack)).filter(text => text.startsWith('unavailable'))
  t.ok(refused.length > 10)
  await pool.close()
})

t.test('a request that is given up leaves the queue', async t => {
  const { pool, ask, submit } = poolOf()
  await ask('ready')
  const busy = ['a', 'b', 'c', 'd'].map(name => ask(`sleep 50 ${name}`))
  const waiting = submit('late')
  waiting.giveUp()
  t.strictSame(await waiting.outcome, { unavailable: 'the request was given up' })
  await Promise.all(busy)
  t.equal(pool.stats.waiting, 0)
  await pool.close()
})

t.test('hashes that need memory share a budget, and do not hold up those that need none', async t => {
  const { pool, ask } = poolOf({ threads: 3, memoryLimitBytes: 100 * 2 ** 20 })
  await untilAllAreReady(pool, 3)
  let most = 0
  const big = (i: number) => submitBig(pool, `sleep 40 ${i}`, `big ${i}`)
  const order: string[] = []
  const note = (name: string) => () => {
    most = Math.max(most, pool.stats.running)
    order.push(name)
  }
  const bigs = Array.from({ length: 4 }, (_, i) => big(i).then(note('big')))
  most = Math.max(most, pool.stats.running)
  t.equal(pool.stats.running, 1, 'two of 60 MiB do not fit into 100')
  await Promise.all([...bigs, ask('sleep 1').then(note('small'))])
  t.equal(order[0], 'small')
  t.ok(most <= 2, 'never two of the big ones at once')
  await pool.close()
})

t.test('the memory of a hash that is given up counts until it has ended', async t => {
  const { pool, ask } = poolOf({ threads: 3, memoryLimitBytes: 100 * 2 ** 20, timeLimitMs: 300 })
  await untilAllAreReady(pool, 3)
  // It does not hear that it should leave, and is ended a second later.
  t.match(textOf(await submitBig(pool, 'hang', 'anna')), /took too long/)
  const next = submitBig(pool, 'sleep 1', 'ben')
  t.equal(pool.stats.running, 0, 'another of 60 MiB does not fit into 100')
  t.equal(await ask('small'), 'small')
  t.equal(textOf(await next), 'sleep 1')
  await pool.close()
})

t.test('closing ends everything that waits or runs as unavailable', async t => {
  const { pool, ask } = poolOf()
  await ask('ready')
  const answers = ['hang', 'a', 'b'].map(text => ask(text))
  await pool.close()
  for (const answer of answers) t.equal(await answer, 'unavailable: the service is stopping')
  t.equal(await ask('late'), 'unavailable: the service is stopping')
})

t.test('a thread that cannot start leaves requests waiting until their deadline', async t => {
  const { pool, ask } = poolOf({
    timeoutMs: 600,
    maxWaitMs: 600,
    program: new URL('./fixtures/no-such-worker.js', import.meta.url),
  })
  t.equal(await ask('a'), 'unavailable: no thread was free for the hash in time: retryAfterSecs: 1')
  t.ok(pool.stats.threadsLost <= 4, 'it was not started again and again')
  await pool.close()
})
