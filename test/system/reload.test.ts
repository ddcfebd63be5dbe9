// SIGHUP: what a running service takes up, what it says has to wait, and what it does not fall for.

import t, { type Test } from 'tap'
import { type RunningHoming, startHoming } from './homing.js'

const tokens = (...lines: string[]) => `api_token = """${lines.join('\n')}"""\n`

async function start(t: Test, config: string): Promise<RunningHoming> {
  const homing = await startHoming({ config })
  t.teardown(homing.close)
  await homing.addAccounts({
    localUsers: [{ username: 'anna@x', password: '{PLAIN}secret', home: '/h', uid: 1, gid: 1 }],
  })
  return homing
}

/** The result, or the status of a request that got none. */
async function verify(homing: RunningHoming, token: string, more: object = {}): Promise<unknown> {
  const response = await fetch(`${homing.url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ user: 'anna@x', password: 'secret', ...more }),
  })
  return response.status === 200 ? ((await response.json()) as { result: string }).result : response.status
}

async function reload(homing: RunningHoming, config: string, ...logged: string[]): Promise<void> {
  await homing.configure(config)
  homing.signal('SIGHUP')
  await homing.waitForLog(...logged)
}

t.test('a token is replaced without a moment in which neither works, and is in no log', async t => {
  const homing = await start(t, tokens('old-0ne'))
  t.equal(await verify(homing, 'old-0ne'), 'ok')
  t.equal(await verify(homing, 'new-0ne'), 401)
  await reload(homing, tokens('new-0ne', 'old-0ne'), 'configuration reloaded', 'api_token')
  t.equal(await verify(homing, 'old-0ne'), 'ok')
  t.equal(await verify(homing, 'new-0ne'), 'ok')
  await reload(homing, `log_level = "debug"\n${tokens('new-0ne')}`, 'configuration reloaded', 'log_level')
  t.equal(await verify(homing, 'old-0ne'), 401)
  t.equal(await verify(homing, 'new-0ne'), 'ok')
  t.notMatch(await homing.log(), /0ne/)
})

t.test('trusted networks and the cache change at once, and the rest is named as waiting', async t => {
  const cache = 'auth_cache_size = "1M"\n'
  const homing = await start(t, cache)
  const from = { remote_ip: '192.0.2.1' }
  t.equal(await verify(homing, homing.token, from), 'ok')
  const next = 'auth_cache_size = "2M"\nauth_cache_ttl = "2 hours"\ntrusted_networks = ["192.0.2.10"]\n'
  const later = 'http_request_body_limit = "32k"\nlisten = ["127.0.0.1:1"]\n[[passdb]]\ndriver = "static"\n'
  await reload(
    homing,
    next + later,
    'in use only after a restart',
    '"http_request_body_limit"',
    '"listen"',
    '"passdb"',
  )
  await homing.waitForLog('configuration reloaded', 'trusted_networks', 'auth_cache_size', 'auth_cache_ttl')
  t.equal(await verify(homing, homing.token, from), 403)
  t.equal(await verify(homing, homing.token), 'ok', 'the chain is the one it was started with')
  await homing.waitForLog('SIGHUP received, ')
})

t.test('whether there is a cache at all is decided at the start', async t => {
  const homing = await start(t, '')
  await reload(homing, 'auth_cache_size = "1M"\n', 'in use only after a restart', 'auth_cache_size')
  t.equal(await verify(homing, homing.token), 'ok')
})

t.test('a configuration with mistakes changes nothing and is named', async t => {
  const homing = await start(t, tokens('good'))
  const broken = `${tokens('other')}auth_cache_ttl = "5"\nlog_levl = "debug"\n`
  await reload(homing, broken, 'not reloaded', 'auth_cache_ttl', 'did you mean log_level?')
  await reload(homing, 'this is = = no TOML', 'not reloaded', 'not valid TOML')
  t.equal(await verify(homing, 'good'), 'ok')
  t.equal(await verify(homing, 'other'), 401)
})
