import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/model/clock.js'
import type { MasterUse, RecordedMasterUse } from '../../../src/model/master-use.js'
import { createMasterAudit } from '../../../src/telemetry/master-audit.js'

const use = (user: string, result: MasterUse['result'] = 'ok'): MasterUse => ({
  master: 'admin@x',
  user,
  result,
  verifiedBy: 'homing',
  protocol: 'imap',
  remoteIp: '192.0.2.7',
})

interface Store {
  isDown: boolean
  /** Resolves when it may answer. */
  gate?: Promise<void>
}

function audit(t: Test, required = false, limits: object = {}) {
  const store: Store = { isDown: false }
  const rows: RecordedMasterUse[] = []
  const lines: { level: string; message: string; details: unknown }[] = []
  const made = createMasterAudit({
    store: {
      add: async uses => {
        await store.gate
        if (store.isDown) throw new Error('the database is down')
        rows.push(...uses)
      },
    },
    settings: { master_audit_required: required },
    clock: { now: () => systemClock.now(), unixSeconds: () => 1_800_000_000 },
    log: (level, details, message) => lines.push({ level, details, message }),
    limits: { backOffMs: 20, ...limits },
  })
  t.teardown(() => made.stop(100))
  return { ...made, store, rows, lines, users: () => rows.map(({ user }) => user) }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries++) await sleep(10)
}

t.test('a use is a log line at once and a row a moment later, and nobody waits', async t => {
  const { record, users, lines, counts, rows } = audit(t)
  t.equal(record(use('anna@x')), undefined)
  t.match(lines, [
    {
      level: 'info',
      message: 'master login: ok',
      details: { master_user: 'admin@x', user: 'anna@x', remote_ip: '192.0.2.7', protocol: 'imap' },
    },
  ])
  record(use('bert@x', 'password_mismatch'))
  record(use('carl@x', 'internal_failure'))
  await until(() => users().length === 3)
  t.same(users(), ['anna@x', 'bert@x', 'carl@x'])
  t.equal(rows[0]?.at, 1_800_000_000)
  t.match(counts(), { ok: 1, refused: 1, failed: 1, written: 3, lost: 0, waiting: 0, isFailing: false })
})

t.test('what the database does not take waits, with an alarm, and is written in order', async t => {
  const { record, users, lines, counts, store } = audit(t)
  store.isDown = true
  for (let at = 0; at < 50; at++) record(use(`user${at}@x`))
  await sleep(100)
  t.match(counts(), { waiting: 50, written: 0, lost: 0, isFailing: true })
  t.equal(lines.filter(({ level }) => level === 'error').length, 1, 'one alarm, not fifty')
  store.isDown = false
  await until(() => users().length === 50)
  t.same(
    users(),
    Array.from({ length: 50 }, (_, at) => `user${at}@x`),
  )
  t.match(counts(), { waiting: 0, written: 50, isFailing: false })
})

t.test('memory is bounded, and what is lost is counted and told', async t => {
  const { record, counts, store, lines } = audit(t, false, { waiting: 10 })
  store.isDown = true
  for (let at = 0; at < 25; at++) record(use(`user${at}@x`))
  await sleep(30)
  t.match(counts(), { waiting: 10, lost: 15 })
  t.equal(
    lines.filter(({ message }) => message.startsWith('master login')).length,
    25,
    'the log has them all',
  )
})

t.test('at the end what waits is written, or told', async t => {
  const slow = audit(t)
  slow.store.gate = sleep(50)
  for (let at = 0; at < 250; at++) slow.record(use(`user${at}@x`))
  await slow.stop(2000)
  t.equal(slow.rows.length, 250, 'each once')

  const down = audit(t)
  down.store.isDown = true
  down.record(use('anna@x'))
  await down.stop(200)
  t.match(down.counts(), { lost: 1, waiting: 0 })
  t.match(down.lines.at(-1), { level: 'error', details: { lost: 1 } })

  const hangs = audit(t)
  hangs.store.gate = new Promise(() => {})
  hangs.record(use('anna@x'))
  const started = performance.now()
  await hangs.stop(100)
  t.ok(performance.now() - started < 1000, 'a database that hangs does not keep us')
  t.equal(hangs.counts().lost, 1)
})

t.test('where the audit is required a login waits for its row, and a refusal does not', async t => {
  const { record, rows, store } = audit(t, true)
  t.equal(await record(use('anna@x')), true)
  t.equal(rows.length, 1)
  t.equal(record(use('anna@x', 'password_mismatch')), undefined)
  store.isDown = true
  t.equal(await record(use('bert@x')), false)
  store.isDown = false
  await until(() => rows.length === 3)
  t.match(rows[2], { user: 'bert@x', result: 'internal_failure' }, 'which was refused, and is kept as that')
})

t.test(
  'what a required audit could not take is written once the database is back, though nobody logs in',
  async t => {
    const { record, counts, rows, store } = audit(t, true)
    store.isDown = true
    t.equal(await record(use('anna@x')), false)
    store.isDown = false
    await until(() => rows.length === 1)
    t.match(rows, [{ user: 'anna@x', result: 'internal_failure' }])
    t.match(counts(), { waiting: 0, isFailing: false }, 'and no alarm goes on')
  },
)
