import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { AuthEvent } from '../../../src/model/auth-event.js'
import { systemClock } from '../../../src/model/clock.js'
import type { LoginEvent, LoginEventStore } from '../../../src/model/login-event.js'
import type { LoginEventSettings } from '../../../src/telemetry/login-event-settings.js'
import { createLoginRecorder } from '../../../src/telemetry/login-recorder.js'

const all: LoginEventSettings = {
  login_events: 'all',
  login_events_retention: 86_400_000,
  login_events_address: 'full',
  last_login: true,
}

const authEvent = (result: AuthEvent['result'], more: Partial<AuthEvent> = {}): AuthEvent => ({
  question: 'verify',
  result,
  user: 'anna@x',
  originalUser: 'Anna@x',
  protocol: 'imap',
  remoteIp: '192.0.2.77',
  trace: [],
  ms: 1,
  ...more,
})

function recorder(
  t: Test,
  settings: Partial<LoginEventSettings>,
  store: Partial<LoginEventStore> = {},
  limits: object = {},
) {
  const added: LoginEvent[][] = []
  const logins: LoginEvent[][] = []
  const warnings: string[] = []
  const recorder = createLoginRecorder({
    store: {
      add: async events => void added.push([...events]),
      setLastLogins: async events => void logins.push([...events]),
      prune: async () => 0,
      ...store,
    },
    settings: { ...all, ...settings },
    clock: systemClock,
    warn: message => warnings.push(message),
    limits: { gatheringMs: 20, ...limits },
  })
  t.teardown(() => recorder.stop(100))
  return { ...recorder, added, logins, warnings }
}

t.test('what is kept is what the settings say', async t => {
  const seen = async (settings: Partial<LoginEventSettings>) => {
    const { record, stop, added, logins } = recorder(t, settings)
    record(authEvent('ok'))
    record(authEvent('ok', { user: 'bob@x', masterUser: 'admin' }))
    record(authEvent('password_mismatch'))
    record(authEvent('user_unknown', { question: 'lookup' }))
    await stop(1000)
    return { added: added.flat().map(({ result }) => result), logins: logins.flat().map(({ user }) => user) }
  }
  t.same(
    await seen({}),
    { added: ['ok', 'ok', 'password_mismatch'], logins: ['anna@x'] },
    'a master is not the user',
  )
  t.same(await seen({ login_events: 'failures', last_login: false }), {
    added: ['password_mismatch'],
    logins: [],
  })
  t.same(await seen({ login_events: 'none' }), { added: [], logins: ['anna@x'] })
  t.same(await seen({ login_events: 'none', last_login: false }), { added: [], logins: [] })
})

t.test('an address is kept whole, as its network, or not at all', async t => {
  const address = async (login_events_address: LoginEventSettings['login_events_address']) => {
    const { record, stop, added } = recorder(t, { login_events_address })
    record(authEvent('ok'))
    await stop(1000)
    return added[0]?.[0]?.remoteIp
  }
  t.equal(await address('full'), '192.0.2.77')
  t.equal(await address('network'), '192.0.2.0/24')
  t.equal(await address('none'), undefined)
})

t.test('a database that hangs holds up nobody, and what does not fit is dropped and counted', async t => {
  const { record, counts, stop } = recorder(
    t,
    {},
    { add: () => new Promise(() => {}) },
    { waiting: 100, batch: 10 },
  )
  const startedAt = performance.now()
  for (let n = 0; n < 1000; n++) record(authEvent('ok'))
  t.ok(performance.now() - startedAt < 200)
  t.match(counts(), { written: 0, dropped: 900, waiting: 100 })
  const stoppedAt = performance.now()
  await stop(50)
  t.ok(performance.now() - stoppedAt < 1000, 'nor does it hold up the end')
  t.match(counts(), { dropped: 1000, waiting: 0 })
})

t.test('events wait for a database that is down, and arrive once it is up', async t => {
  let isDown = true
  const arrived: LoginEvent[] = []
  const add = async (events: readonly LoginEvent[]) => {
    if (isDown) throw Object.assign(new Error('down'), { temporary: true })
    arrived.push(...events)
  }
  const { record, counts, warnings } = recorder(t, {}, { add }, { backOffMs: 30 })
  for (let n = 0; n < 5; n++) record(authEvent('ok'))
  await sleep(150)
  t.match(counts(), { written: 0, dropped: 0, waiting: 5 })
  t.same(warnings, ['login events are not written'], 'said once')
  isDown = false
  for (let tries = 0; tries < 100 && arrived.length < 5; tries++) await sleep(20)
  t.equal(arrived.length, 5)
})

t.test('a table that is missing costs the events and one warning', async t => {
  const add = async () => {
    throw Object.assign(new Error('no such table'), { temporary: false })
  }
  const { record, counts, warnings } = recorder(t, {}, { add }, { backOffMs: 1 })
  record(authEvent('ok'))
  await sleep(100)
  record(authEvent('ok'))
  await sleep(100)
  t.match(counts(), { dropped: 2, waiting: 0 })
  t.equal(warnings.length, 1)
})

t.test('old events are pruned in small batches until none is left', async t => {
  const asked: number[] = []
  const left = [3, 3, 1]
  const prune = async (before: number, limit: number) => {
    t.ok(Math.abs(Date.now() / 1000 - 86_400 - before) < 5)
    asked.push(limit)
    return left.shift() ?? 0
  }
  recorder(t, {}, { prune }, { pruneEveryMs: 20, pruned: 3, pauseMs: 1 })
  for (let tries = 0; tries < 100 && left.length > 0; tries++) await sleep(10)
  t.same(asked.slice(0, 3), [3, 3, 3])
})

t.test('a database that answers at once does not keep the event loop for itself', async t => {
  const { record, stop, counts } = recorder(t, { last_login: false }, {}, { batch: 10, gatheringMs: 1000 })
  for (let n = 0; n < 9; n++) record(authEvent('ok'))
  let turns = 0
  const count = () => {
    turns++
    if (counts().waiting > 0) setImmediate(count)
  }
  for (let n = 0; n < 991; n++) record(authEvent('ok'))
  setImmediate(count)
  await stop(1000)
  t.equal(counts().written, 1000)
  t.ok(turns > 50, `${turns} turns between 100 batches`)
})

t.test('events are kept once, though the last logins of the same batch have to be tried again', async t => {
  let failures = 2
  const last: string[] = []
  const setLastLogins = async (events: readonly LoginEvent[]) => {
    if (failures-- > 0) throw Object.assign(new Error('deadlock'), { temporary: true })
    last.push(...events.map(({ user }) => user))
  }
  const { record, counts, added } = recorder(t, {}, { setLastLogins }, { backOffMs: 20 })
  record(authEvent('ok'))
  record(authEvent('password_mismatch'))
  for (let tries = 0; tries < 100 && last.length === 0; tries++) await sleep(10)
  t.same(last, ['anna@x'])
  t.same(
    added.flat().map(({ result }) => result),
    ['ok', 'password_mismatch'],
  )
  await sleep(50)
  t.match(counts(), { written: 2, dropped: 0, waiting: 0 })
})

t.test('what was kept before login_events was turned off ends in its time, too', async t => {
  let asked = 0
  const prune = async () => {
    asked++
    return 0
  }
  recorder(t, { login_events: 'none', last_login: false }, { prune }, { pruneEveryMs: 20 })
  for (let waited = 0; waited < 100 && asked === 0; waited++) await sleep(10)
  t.ok(asked > 0)

  let tries = 0
  const missing = async () => {
    tries++
    throw Object.assign(new Error('no such table'), { temporary: false })
  }
  const never = recorder(t, { login_events: 'none' }, { prune: missing }, { pruneEveryMs: 20 })
  await sleep(100)
  t.equal(tries, 1, 'nor is it asked for again')
  const forEver = recorder(t, { login_events_retention: 0 }, { prune: missing }, { pruneEveryMs: 20 })
  const all = recorder(t, {}, { prune: missing }, { pruneEveryMs: 20 })
  await sleep(100)
  t.same(never.warnings, [], 'who keeps nothing needs no table for it')
  t.same(forEver.warnings, [])
  t.same(all.warnings, ['old login events are not deleted'])
})
