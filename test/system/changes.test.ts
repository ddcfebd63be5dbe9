// A password that is changed by `homing` is refused everywhere at once: over the bus, and without it.

import t, { type Test } from 'tap'
import { needs } from './parts.js'
import { startRedis } from './redis-server.js'
import { letInAfter, login, startThreeCopies, type ThreeCopies } from './three-copies.js'

const USER = 'anna@example.org'

t.test('over the bus, and when the bus dies and comes back', { timeout: 240_000 }, async t => {
  if (!needs(t, 'mariadb', 'redis')) return
  const redis = await startRedis()
  t.teardown(() => redis.close())
  const url = `redis://127.0.0.1:${redis.port}`
  const site = await startThreeCopies(t, `valkey_url = "${url}"\n`, { HOMING_VALKEY_URL: url })
  await addUser(t, site)

  for (const [old, next] of [
    ['p0', 'p1'],
    ['p1', 'p2'],
  ] as const) {
    const { ms, err } = await changePassword(site, old, next)
    t.equal(err, '')
    t.ok(ms < 250, `with the bus the old password was let in for ${ms} ms`)
  }

  await redis.kill()
  const dead = await changePassword(site, 'p2', 'p3')
  t.ok(dead.ms < 2000, `without the bus it was let in for ${dead.ms} ms`)
  t.match(dead.err, /does not answer: other copies read the change from the database/)

  await redis.start()
  for (const copy of site.copies) await copy.waitForLog(`${url}/0 answers`)
  const again = await changePassword(site, 'p3', 'p4')
  t.ok(again.ms < 2000, `with the bus just back it was let in for ${again.ms} ms`)
  const healed = await changePassword(site, 'p4', 'p5')
  t.ok(healed.ms < 250, `with the bus back it was let in for ${healed.ms} ms`)

  redis.hang()
  const hung = await changePassword(site, 'p5', 'p6')
  t.ok(hung.ms < 2000, `with a bus that hangs it was let in for ${hung.ms} ms`)
  redis.resume()
})

t.test('without a bus', { timeout: 240_000 }, async t => {
  if (!needs(t, 'mariadb')) return
  const site = await startThreeCopies(t, '', {})
  await addUser(t, site)
  for (const [old, next] of [
    ['p0', 'p1'],
    ['p1', 'p2'],
  ] as const) {
    const { ms, err } = await changePassword(site, old, next)
    t.equal(err, '')
    t.ok(ms < 2000, `the old password was let in for ${ms} ms`)
  }

  t.match(await login(site.copies[0] as never, 'new@example.org', 'x'), 'user_unknown')
  const added = await site.homing(
    ['local-user', 'add', 'new@example.org', '--uid', '1', '--gid', '1', '--home', '/n'],
    'x\n',
  )
  t.equal(added.code, 0)
  await eventually(
    t,
    'a name that was unknown is known',
    async () => (await login(site.copies[0] as never, 'new@example.org', 'x')) === 'ok',
  )
  await site.homing(['local-user', 'set', USER, '--active', 'no'])
  await eventually(t, 'who is locked is locked everywhere', () => everywhere(site, 'p2', 'user_disabled'))
  await site.homing(['local-user', 'delete', USER])
  await eventually(t, 'who is deleted is deleted everywhere', () => everywhere(site, 'p2', 'user_unknown'))
})

async function addUser(t: Test, { homing }: ThreeCopies): Promise<void> {
  const added = await homing(
    ['local-user', 'add', USER, '--uid', '5000', '--gid', '5000', '--home', '/a'],
    'p0\n',
  )
  t.match(added, { code: 0, err: '' })
}

/** For how long after the commit a copy let the old password in. */
async function changePassword(
  { copies, homing, execute }: ThreeCopies,
  old: string,
  next: string,
): Promise<{ ms: number; err: string }> {
  for (const copy of copies) {
    if ((await login(copy, USER, old)) !== 'ok')
      throw new Error('the password before the change is not right')
  }
  let err = ''
  const change = async () => {
    const changed = await homing(['local-user', 'set', USER, '--ask-password'], `${next}\n`)
    if (changed.code !== 0) throw new Error(changed.err)
    err = changed.err
  }
  const changedAt = async () => {
    const [row] = await execute(
      'select cast(unix_timestamp(made) * 1000 as signed) as at from homing_changes order by id desc limit 1',
    )
    return Number(row?.at)
  }
  const ms = await letInAfter(copies, USER, old, change, changedAt)
  for (const copy of copies) {
    const result = await login(copy, USER, next)
    if (result !== 'ok') throw new Error(`the new password is answered with ${result}`)
  }
  return { ms, err }
}

async function everywhere({ copies }: ThreeCopies, password: string, expected: string): Promise<boolean> {
  const results = await Promise.all(copies.map(copy => login(copy, USER, password)))
  return results.every(result => result === expected)
}

async function eventually(t: Test, what: string, holds: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now()
  while (!(await holds()) && performance.now() - startedAt < 10_000);
  const ms = Math.round(performance.now() - startedAt)
  t.ok(ms < 2000, `${what} after ${ms} ms`)
}
