// From a login to the answer of `homing report`, with the real program; and what happens when the tables are missing.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { createDatabases } from '../../src/database/open-database.js'
import { testSettings } from '../conformance/database/test-database.js'
import { startHoming } from './homing.js'
import { startMariadb, whyNoMariadb } from './mariadb-server.js'

const program = join(import.meta.dirname, '../../src/cli/homing.js')
const reason = whyNoMariadb()

t.test('logins are reported, and the last one is known', reason ? { skip: reason } : {}, async t => {
  const server = await startMariadb()
  t.teardown(() => server.close())
  const name = `homing_events_${process.pid}`
  const url = await server.createDatabase(name)
  const database = { url, execute: (sql: string) => server.execute(sql, name) }
  const homing = await startHoming({ database, config: 'login_events = "all"\nlast_login = true\n' })
  t.teardown(homing.close)
  await homing.addAccounts({
    localUsers: [{ username: 'anna@x', password: '{PLAIN}secret', home: '/h', uid: 1, gid: 1 }],
  })
  const verify = async (user: string, password: string, remote_ip: string) => {
    const response = await fetch(`${homing.url}/v1/passdb/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${homing.token}` },
      body: JSON.stringify({ user, password, remote_ip, protocol: 'imap' }),
    })
    return ((await response.json()) as { result: string }).result
  }
  t.equal(await verify('anna@x', 'secret', '192.0.2.1'), 'ok')
  for (let n = 0; n < 3; n++) t.equal(await verify('anna@x', 'wrong', '198.51.100.7'), 'password_mismatch')
  t.equal(await verify('nobody@x', 'wrong', '198.51.100.7'), 'user_unknown')
  // What is still waiting is written when the service stops.
  await homing.stop()

  const report = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, 'report', ...args], {
      env: { ...process.env, NO_COLOR: '1', HOMING_DATABASE_URL: url },
    })
    return stdout
  }
  const rows = async (...args: string[]) =>
    (await report(...args, '--json'))
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
  t.match(await rows('failures', '--since', '24h'), [
    { user: 'anna@x', failures: 3, addresses: 1, last: /^20.*Z$/ },
    { user: 'nobody@x', failures: 1 },
  ])
  t.match(await rows('addresses', '--since', '1 hour'), [
    { address: '198.51.100.7', failures: 4, logins: 0, users: 2 },
    { address: '192.0.2.1', failures: 0, logins: 1, users: 1 },
  ])
  t.match(await rows('last-login', 'anna@x'), [{ protocol: 'imap', address: '192.0.2.1', at: /^20/ }])
  t.match(await report('failures'), /^user +failures +addresses +last\nanna@x +3 +1 +20[\d: -]+\nnobody@x +1/)
  const audit = createDatabases(testSettings)
  t.teardown(() => audit.close())
  const at = Math.floor(Date.now() / 1000) - 60
  const use = {
    at,
    master: 'admin@x',
    user: 'anna@x',
    result: 'ok',
    verifiedBy: 'caller',
    protocol: 'imap',
  } as const
  await audit.open(url).masterUses.add([
    { ...use, remoteIp: '192.0.2.9' },
    { ...use, at: at - 90_000 },
  ])
  t.match(await rows('masters', '--since', '24h'), [
    {
      master: 'admin@x',
      user: 'anna@x',
      result: 'ok',
      verified: 'caller',
      protocol: 'imap',
      address: '192.0.2.9',
    },
  ])
  t.match(
    await report('masters', '--since', '2 days'),
    /^at +master +user +result +verified .*\n20.*admin@x.*\n20/,
  )
  await t.rejects(report('failures', '--since', '5'), {
    code: 64,
    stderr: /--since: the time "5" has no unit/,
  })
})

t.test(
  'tables that are missing are said once, and cost no login',
  reason ? { skip: reason } : {},
  async t => {
    const server = await startMariadb()
    t.teardown(() => server.close())
    const name = `homing_no_events_${process.pid}`
    const url = await server.createDatabase(name)
    const database = { url, execute: (sql: string) => server.execute(sql, name) }
    const homing = await startHoming({ database, config: 'login_events = "all"\n' })
    t.teardown(homing.close)
    await server.execute('drop table homing_login_events', name)
    for (let n = 0; n < 5; n++) {
      const response = await fetch(`${homing.url}/v1/passdb/verify`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${homing.token}` },
        body: '{"user":"nobody@x","password":"x"}',
      })
      t.match(await response.json(), { result: 'user_unknown' })
      await sleep(300)
    }
    await homing.waitForLog('login events are not written', 'ER_NO_SUCH_TABLE')
    t.equal((await homing.log()).split('login events are not written').length, 2)
  },
)
