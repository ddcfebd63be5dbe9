// Real Dovecots forget whom they are told to forget, and one that does not answer has not confirmed.

import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openDovecotCaches } from '../../src/dovecot/dovecot-caches.js'
import type { DovecotSettings } from '../../src/dovecot/dovecot-settings.js'
import { type CachingDovecot, startCachingDovecot } from './caching-dovecot.js'
import { freePorts } from './free-ports.js'

const settingsFor = (dovecot: Pick<CachingDovecot, 'key' | 'password'>, urls: string[]): DovecotSettings => ({
  doveadm_urls: urls,
  doveadm_api_key: dovecot.key,
  doveadm_password: dovecot.password,
  doveadm_timeout: 3000,
  doveadm_tls_ca_file: '',
})

/** The port of one that begins to speak to this Dovecot only `ms` after it was called. */
async function slowly(t: Test, port: number, ms: number): Promise<number> {
  const server = createServer(socket => {
    const toDovecot = connect(port, '127.0.0.1')
    socket.on('error', () => toDovecot.destroy())
    toDovecot.on('error', () => socket.destroy())
    toDovecot.pipe(socket)
    setTimeout(() => socket.pipe(toDovecot), ms)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

const manyNames = Array.from({ length: 500 }, (_, at) => `user${at}@example.org`)

t.test('Dovecot 2.3 over HTTP', async t => {
  const dovecot = await startCachingDovecot(t, '2.3')
  if (!dovecot) return
  const name = `http://127.0.0.1:${dovecot.httpPort}`
  const caches = openDovecotCaches(settingsFor(dovecot, [name]))
  for (const user of ['anna', 'ben', 'carl']) await dovecot.letsIn(user, 'one')
  dovecot.setPassword('two')
  t.ok(await dovecot.letsIn('anna', 'one'), 'its cache lets the old password in')
  t.same(await caches.flush(['anna']), [{ name, confirmed: true, entries: 1 }])
  t.notOk(await dovecot.letsIn('anna', 'one'), 'until it is told')
  t.ok(await dovecot.letsIn('ben', 'one'), 'others stay cached')
  t.same(
    await caches.flush(['b*']),
    [{ name, confirmed: true, entries: 3 }],
    'it knows no masks: all must go',
  )
  t.notOk(await dovecot.letsIn('ben', 'one'))
  t.same(await caches.flush([]), [{ name, confirmed: true, entries: 1 }])
  t.same(await caches.flush(['nobody', 'here "quoted"']), [{ name, confirmed: true, entries: 0 }])
  await dovecot.letsIn('carl', 'two')
  t.same(await caches.flush([...manyNames, 'carl']), [{ name, confirmed: true, entries: 1 }])

  const wrongKey = openDovecotCaches({ ...settingsFor(dovecot, [name]), doveadm_api_key: 'guess' })
  t.match(await wrongKey.flush(['anna']), [{ name, confirmed: false, reason: /doveadm_api_key/ }])
})

for (const version of ['2.3', '2.4'] as const) {
  t.test(`Dovecot ${version} over doveadm's own protocol`, async t => {
    const dovecot = await startCachingDovecot(t, version)
    if (!dovecot) return
    const name = `doveadm://127.0.0.1:${dovecot.doveadmPort}`
    const caches = openDovecotCaches(settingsFor(dovecot, [name]))
    for (const user of ['anna', 'ben', 'carl']) await dovecot.letsIn(user, 'one')
    dovecot.setPassword('two')
    t.ok(await dovecot.letsIn('anna', 'one'))
    t.same(await caches.flush(['anna', 'ben']), [{ name, confirmed: true, entries: 2 }])
    t.notOk(await dovecot.letsIn('anna', 'one'))
    t.ok(await dovecot.letsIn('anna', 'two'))
    t.ok(await dovecot.letsIn('carl', 'one'), 'others stay cached')
    t.match(await caches.flush([]), [{ name, confirmed: false, reason: /named users only/ }])
    const slow = `doveadm://127.0.0.1:${await slowly(t, dovecot.doveadmPort, 500)}`
    t.same(
      await openDovecotCaches(settingsFor(dovecot, [slow])).flush([...manyNames, 'carl']),
      [{ name: slow, confirmed: true, entries: 1 }],
      'who answers slowly, but answers, has confirmed, however many they are',
    )
    t.match(await caches.flush(['an\nna']), [{ confirmed: false }], 'no name becomes another command')

    const wrong = openDovecotCaches({ ...settingsFor(dovecot, [name]), doveadm_password: 'guess' })
    t.match(await wrong.flush(['anna']), [{ name, confirmed: false, reason: /doveadm_password/ }])
  })
}

t.test('Dovecot 2.4 over HTTP', async t => {
  const dovecot = await startCachingDovecot(t, '2.4')
  if (!dovecot) return
  const name = `http://127.0.0.1:${dovecot.httpPort}`
  const [flushed] = await openDovecotCaches(settingsFor(dovecot, [name])).flush(['anna'])
  if (flushed?.confirmed) t.pass('this version does it')
  else {
    t.match(flushed, { reason: /use doveadm:/ }, '2.4.1 crashes, and the operator hears what to do')
    // It is logged by another process, a moment after the connection has broken.
    const panic = /Panic: .*doveadm_cmd_param_str/
    for (let tries = 0; tries < 100 && !panic.test(dovecot.log()); tries++) await sleep(50)
    t.match(dovecot.log(), panic)
  }
})

t.test('who does not answer has not confirmed, and keeps nobody waiting for ever', async t => {
  const silent = createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const { port } = silent.address() as { port: number }
  const [nobody] = await freePorts(1)
  const urls = [
    `http://127.0.0.1:${port}`,
    `doveadm://127.0.0.1:${port}`,
    `http://127.0.0.1:${nobody}`,
    `doveadm://127.0.0.1:${nobody}`,
  ]
  const settings = { ...settingsFor({ key: 'k', password: 'p' }, urls), doveadm_timeout: 300 }
  const startedAt = performance.now()
  const flushed = await openDovecotCaches(settings).flush(['anna'])
  t.ok(performance.now() - startedAt < 1000)
  t.match(flushed, [
    { confirmed: false, reason: 'no answer within 300 ms' },
    { confirmed: false, reason: 'no answer within 300 ms' },
    { confirmed: false, reason: /ECONNREFUSED/ },
    { confirmed: false, reason: /ECONNREFUSED/ },
  ])
})
