// Counted in this process or in a real Valkey: the same questions get the same answers.

import t, { type Test } from 'tap'
import { createLocalTries, isReached } from '../../../src/policy/local-tries.js'
import { createPolicy } from '../../../src/policy/policy.js'
import { createPolicyLists } from '../../../src/policy/policy-lists.js'
import { createSharedTries } from '../../../src/policy/shared-tries.js'
import type { Tally, TryStore } from '../../../src/policy/try-store.js'
import { openState } from '../../../src/state/open-state.js'
import type { StateStore } from '../../../src/state/state-store.js'
import { needs } from '../../system/parts.js'
import { startRedis } from '../../system/redis-server.js'
import { defaults } from '../../unit/policy/simulation.js'

const times = { windowMs: 3_600_000, knownForMs: 86_400_000 }

const tally = (group: string, member: string, more: Partial<Tally> = {}): Tally => ({
  group,
  member,
  limit: 3,
  forKnown: false,
  countsAtOnce: true,
  ...more,
})

function suite(t: Test, store: TryStore): void {
  const judge = async (...tallies: Tally[]) => (await store.judge({ pair: 'home anna', tallies })) ?? []

  t.test('members are counted once, up to the limit', async t => {
    for (const member of ['a', 'a', 'b', 'a']) {
      t.notOk((await judge(tally('one', member))).some(isReached), member)
    }
    t.match(await judge(tally('one', 'a')), [{ count: 1, limit: 3 }], 'what is counted already is not again')
    t.notOk((await judge(tally('one', 'c'))).some(isReached))
    t.match(await judge(tally('one', 'd')), [{ count: 3, limit: 3 }])
    t.match(await judge(tally('one', 'a')), [{ count: 3 }], 'nor let in once the limit is reached')
    t.same(await store.counts(['one', 'nothing']), [3, 0])
    await store.forget(['one'])
    t.same(await store.counts(['one']), [0])
  })

  t.test('one limit that is reached keeps everything from being counted', async t => {
    for (const member of ['a', 'b', 'c']) await judge(tally('full', member))
    t.ok((await judge(tally('other', 'x'), tally('full', 'd'))).some(isReached))
    t.same(await store.counts(['other', 'full']), [0, 3])
  })

  t.test('an allowance raises the limit, and what is for known pairs counts for them alone', async t => {
    const place = (member: string) => tally('place', member, { allowance: 'good', countsAtOnce: false })
    const outcome = { pair: 'home bert', succeeded: true, failed: [], forgiven: [] }
    await store.record({ ...outcome, allowances: [{ group: 'good', member: 'bert' }] })
    await store.record({
      pair: 'home anna',
      succeeded: false,
      failed: ['a', 'b', 'c'].map(place),
      forgiven: [],
      allowances: [],
    })
    t.match(await judge(place('d')), [{ count: 3, limit: 4 }])
    const known = await store.judge({
      pair: 'home bert',
      tallies: [place('d'), tally('bert', 'x', { forKnown: true })],
    })
    t.same(known, [
      { count: undefined, limit: 3 },
      { count: 0, limit: 3 },
    ])
    await store.record({ ...outcome, succeeded: false, failed: [place('e')], allowances: [] })
    t.same(await store.counts(['place']), [3], "a known user's slip is not held against the place")
  })

  t.test('groups are forgotten by what is known of their names', async t => {
    const names = ['home 1 an*a', 'home 2 an*a', 'home 1 anna', 'home 1 bo an*a']
    for (const name of names) await judge(tally(name, 'a'))
    await store.forget([], [{ begins: 'home ', ends: ' an*a' }])
    t.same(await store.counts(names), [0, 0, 1, 1])
    await store.forget([], [{ begins: 'home 1 ', ends: '' }])
    t.same(await store.counts(names), [0, 0, 0, 0])
  })

  t.test('a limit spares whoever has done next to nothing, and counts them nevertheless', async t => {
    const total = (member: string) => tally('total', member, { spared: { group: 'own', below: 2 } })
    for (const member of ['a', 'b', 'c', 'd']) t.notOk((await judge(total(member))).some(isReached))
    for (const member of ['x', 'y']) await judge(tally('own', member))
    t.same(await judge(total('e')), [{ count: 4, limit: 3 }])
  })

  t.test('what was counted at once is forgiven', async t => {
    await judge(tally('slip', 'a'))
    await store.record({
      pair: undefined,
      succeeded: true,
      failed: [],
      forgiven: [tally('slip', 'a')],
      allowances: [],
    })
    t.same(await store.counts(['slip']), [0])
  })
}

t.test('in this process', async t => {
  suite(t, createLocalTries({ ...times, memoryBytes: 1 << 20, clock: performance }))
})

t.test('in Valkey', async t => {
  if (!needs(t, 'redis')) return
  const server = await startRedis()
  t.teardown(() => server.close())
  const state = await openReady(t, server.port, 2000)
  if (!state.commands) throw new Error('no commands')
  suite(t, createSharedTries(state.commands, times))
})

t.test('two copies count together; while Valkey hangs each has half, in time', async t => {
  if (!needs(t, 'redis')) return
  const server = await startRedis()
  t.teardown(() => server.close())
  const copies = await Promise.all(
    [1, 2].map(async () =>
      createPolicy(defaults, {
        clock: performance,
        lists: createPolicyLists(() => 0),
        state: await openReady(t, server.port),
      }),
    ),
  )
  const tryAll = async (login: string) => {
    let reached = 0
    for (let n = 0; n < 200; n++) {
      const attempt = { login, remote: `198.51.${n}.7`, pwhash: `${n}` }
      if (((await copies[n % 2]?.allow(attempt))?.status ?? 0) >= 0) reached++
    }
    return reached
  }
  t.equal(await tryAll('anna'), 50, 'user_passwords, together')
  server.hang()
  const startedAt = performance.now()
  await copies[0]?.allow({ login: 'x', remote: '192.0.2.1', pwhash: '1' })
  t.ok(performance.now() - startedAt < 100, 'the first that finds it hanging')
  t.equal(await tryAll('bert'), 50, 'half of 50 in each of two copies')
  t.ok((copies[0]?.figures().withoutStore ?? 0) > 0)
  server.resume()
})

t.test('after Valkey has lost its memory nobody is kept out at home', async t => {
  if (!needs(t, 'redis')) return
  const server = await startRedis()
  t.teardown(() => server.close())
  const state = await openReady(t, server.port, 2000)
  const openCopy = () =>
    createPolicy(defaults, { clock: performance, lists: createPolicyLists(() => 0), state })
  const copy = openCopy()
  const home = { login: 'anna', remote: '192.0.2.1', pwhash: 'right' }
  await copy.allow(home)
  await copy.report({ ...home, success: true, policyReject: false, failType: '' })
  await state.commands?.send(['FLUSHALL'])
  for (let n = 0; n < 200; n++) await copy.allow({ login: 'anna', remote: `198.51.${n}.7`, pwhash: `${n}` })
  t.same(await copy.allow(home), { status: 0, rule: 'ok' })
  t.same(await openCopy().allow(home), { status: 0, rule: 'ok' }, 'nor by a copy that does not know the user')
})

async function openReady(t: Test, port: number, timeoutMs = 50): Promise<StateStore> {
  const state = await openState({
    valkey_url: `redis://127.0.0.1:${port}`,
    valkey_password: '',
    valkey_prefix: 'test:',
    valkey_timeout: timeoutMs,
    valkey_connect_timeout: 2000,
    valkey_tls_ca_file: '',
  })
  t.teardown(() => state.close())
  for (let tries = 0; !state.isUp() && tries < 100; tries++)
    await new Promise(resolve => setTimeout(resolve, 20))
  return state
}
