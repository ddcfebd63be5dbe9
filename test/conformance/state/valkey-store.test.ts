// A real server: the suite, and what happens when it hangs, dies and comes back.

import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openState } from '../../../src/state/open-state.js'
import type { StateSettings } from '../../../src/state/state-settings.js'
import type { StateStore } from '../../../src/state/state-store.js'
import { needs } from '../../system/parts.js'
import { startRedis } from '../../system/redis-server.js'
import { stateStoreSuite } from './state-store.suite.js'

const defaults: StateSettings = {
  valkey_url: '',
  valkey_password: '',
  valkey_prefix: 'homing:',
  valkey_timeout: 1000,
  valkey_connect_timeout: 2000,
  valkey_tls_ca_file: '',
}

let prefixes = 0

if (needs(t, 'redis')) {
  const server = await startRedis({ password: 'sésame@1' })
  t.teardown(() => server.close())
  const url = `redis://:s%C3%A9same%401@127.0.0.1:${server.port}/2`

  t.test('over TCP, with the password in the URL and a database of its own', async t => {
    stateStoreSuite(t, t => openReady(t, { valkey_url: url }))
  })

  t.test('over a unix socket, with the password beside the URL', async t => {
    stateStoreSuite(t, t =>
      openReady(t, { valkey_url: `unix:${server.socket}`, valkey_password: 'sésame@1' }),
    )
  })

  t.test('a script is learned once and run by its digest', async t => {
    const { commands } = await openReady(t, { valkey_url: url })
    if (!commands) throw new Error('no commands')
    const script = `return {KEYS[1], ARGV[1], ${performance.now()}}`
    const first = await commands.run(script, [commands.keyOf('k')], ['v'])
    t.match(first, { answered: true, value: [commands.keyOf('k'), 'v'] })
    t.same(await commands.run(script, [commands.keyOf('k')], ['v']), first)
    t.match(await commands.run('return nonsense(', [], []), { answered: false })
  })

  t.test('a wrong password is told once, without it, and nobody waits', async t => {
    const warnings: string[] = []
    const wrong = { ...defaults, valkey_url: `redis://:hunter2@127.0.0.1:${server.port}` }
    const store = await openState(wrong, { warn: line => warnings.push(line) })
    t.teardown(() => store.close())
    await sleep(600)
    t.match(await quickly(t, store.get('fact')), { answered: false })
    t.equal(warnings.length, 1, warnings.join('\n'))
    t.match(warnings[0], /does not answer: .*WRONGPASS/)
    t.notMatch(warnings.join(), /hunter2/)
  })
}

t.test('a server that hangs, dies and comes back', { timeout: 60_000 }, async t => {
  if (!needs(t, 'redis')) return
  const server = await startRedis()
  t.teardown(() => server.close())
  const warnings: string[] = []
  const settings = { ...defaults, valkey_url: `redis://127.0.0.1:${server.port}`, valkey_timeout: 100 }
  const store = await openState(settings, { warn: line => warnings.push(line) })
  t.teardown(() => store.close())
  const heard: string[] = []
  let connections = 0
  store.subscribe('changes', { heard: message => heard.push(message), connected: () => connections++ })
  await until(() => connections === 1 && store.isUp())

  server.hang()
  const startedAt = performance.now()
  t.match(await store.get('fact'), { answered: false })
  t.ok(performance.now() - startedAt < 800, 'the first one waits for the deadline')
  for (let i = 0; i < 100; i++) t.match(await store.get('fact'), { answered: false })
  t.ok(performance.now() - startedAt < 900, 'and nobody waits after that')
  server.resume()
  await until(() => store.isUp())
  t.match(await store.get('fact'), { answered: true }, 'it is used again when it answers')

  server.hang()
  await sleep(3500)
  server.resume()
  await until(() => connections >= 2)
  await store.publish('changes', 'after the hang')
  await until(() => heard.includes('after the hang'))
  t.pass('a listener whose connection hung is connected anew')

  const before = connections
  await server.kill()
  await until(() => !store.isUp())
  t.match(await quickly(t, store.publish('changes', 'lost'), 2500), { answered: false })
  t.match(await quickly(t, store.add('tries', 1, 1000)), { answered: false })
  await server.start()
  await until(() => connections > before && store.isUp())
  await store.publish('changes', 'after the death')
  await until(() => heard.includes('after the death'))
  t.ok(warnings.filter(line => line.includes('does not answer')).length >= 1)
  t.match(warnings.at(-1), /answers$/)
})

t.test('a primary that has become a replica is left, and taken again when it is none', async t => {
  if (!needs(t, 'redis')) return
  const { server, settings, store, warnings } = await openOwn(t)
  const operator = await openReady(t, settings)
  await operator.commands?.send(['REPLICAOF', '127.0.0.1', '1'])
  await until(() => !store.isUp())
  t.match(await quickly(t, store.add('tries', 1, 1000)), { answered: false })
  await sleep(1500)
  t.equal(warnings.length, 1, `told once: ${warnings.join('\n')}`)
  t.match(warnings[0], /does not answer: READONLY/)
  await server.kill()
  await server.start()
  await until(() => store.isUp())
  t.match(await store.add('tries', 1, 1000), { answered: true, value: 1 })
})

t.test('a server that refuses commands is told of, without what they were about', async t => {
  if (!needs(t, 'redis')) return
  const { store, warnings } = await openOwn(t)
  await store.commands?.send(['CONFIG', 'SET', 'maxmemory', '1'])
  for (let tries = 0; tries < 50; tries++) await store.add('anna', 1, 1000)
  t.match(await store.commands?.send(['NONSENSE', 'anna', 'secret']), { answered: false })
  t.match(warnings, [/redis:.* refuses a command: OOM/])
  t.notMatch(warnings.join(), /anna|secret/)
  t.equal(warnings.length, 1, 'and no log is filled with it')
})

t.test('a server that was never there keeps nobody waiting', async t => {
  const store = await openState({ ...defaults, valkey_url: 'redis://127.0.0.1:1' })
  t.match(await quickly(t, store.get('fact')), { answered: false })
  t.equal(store.isUp(), false)
  await quickly(t, store.close(), 500)
})

/** A server that the test may do anything to, and what is said of it. */
async function openOwn(t: Test) {
  const server = await startRedis()
  t.teardown(() => server.close())
  const warnings: string[] = []
  const settings = { ...defaults, valkey_url: `redis://127.0.0.1:${server.port}` }
  const store = await openState(settings, { warn: line => warnings.push(line) })
  t.teardown(() => store.close())
  await until(() => store.isUp())
  return { server, settings, store, warnings }
}

async function openReady(t: Test, settings: Partial<StateSettings>): Promise<StateStore> {
  const valkey_prefix = `test${prefixes++}:`
  const store = await openState({ ...defaults, valkey_prefix, ...settings })
  t.teardown(() => store.close())
  await until(() => store.isUp())
  return store
}

async function quickly<T>(t: Test, work: Promise<T>, limitMs = 50): Promise<T> {
  const startedAt = performance.now()
  const answer = await work
  const ms = performance.now() - startedAt
  t.ok(ms < limitMs, `answered after ${ms.toFixed(1)} ms`)
  return answer
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !holds(); tries++) await sleep(25)
  if (!holds()) throw new Error('it did not come to pass within ten seconds')
}
