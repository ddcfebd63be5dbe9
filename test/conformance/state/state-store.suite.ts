// What every store of shared state does, whichever it is.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { answered } from '../../../src/state/answer.js'
import type { StateStore } from '../../../src/state/state-store.js'

export function stateStoreSuite(t: Test, open: (t: Test) => Promise<StateStore>): void {
  t.test('a fact is there until its time is over', async t => {
    const store = await open(t)
    t.same(await store.get('nobody'), answered(undefined))
    t.same(await store.set('fact', 'wäre\n', 200), answered(undefined))
    t.same(await store.get('fact'), answered('wäre\n'))
    await sleep(250)
    t.same(await store.get('fact'), answered(undefined))
  })

  t.test('of several who set what is absent, one does', async t => {
    const store = await open(t)
    const tries = await Promise.all(['a', 'b', 'c'].map(value => store.setIfAbsent('lock', value, 200)))
    t.same(tries, [answered(true), answered(false), answered(false)])
    t.same(await store.get('lock'), answered('a'))
    await sleep(250)
    t.same(await store.setIfAbsent('lock', 'd', 200), answered(true))
  })

  t.test('a counter counts from its first addition for as long as that said', async t => {
    const store = await open(t)
    t.same(await Promise.all([store.add('tries', 1, 300), store.add('tries', 2, 60_000)]), [
      answered(1),
      answered(3),
    ])
    t.same(await store.add('tries', -3, 60_000), answered(0))
    await sleep(350)
    t.same(await store.add('tries', 1, 300), answered(1), 'later additions did not prolong it')
  })

  t.test('what is deleted is gone', async t => {
    const store = await open(t)
    await store.set('one', '1', 10_000)
    await store.set('two', '2', 10_000)
    t.same(await store.delete(['one', 'two', 'three']), answered(undefined))
    t.same(await store.delete([]), answered(undefined))
    t.same(await store.get('one'), answered(undefined))
    t.same(await store.get('two'), answered(undefined))
  })

  t.test('what is published is heard by everybody who has subscribed, and by nobody else', async t => {
    const store = await open(t)
    const heard: string[] = []
    const connected = new Promise<void>(resolve => {
      store.subscribe('changes', { heard: message => heard.push(`first ${message}`), connected: resolve })
    })
    await connected
    const unsubscribe = store.subscribe('changes', { heard: message => heard.push(`second ${message}`) })
    t.match(await store.publish('changes', 'anna'), { answered: true })
    t.match(await store.publish('others', 'ben'), { answered: true })
    await sleep(100)
    unsubscribe()
    await store.publish('changes', 'carl')
    await sleep(100)
    t.same(heard, ['first anna', 'second anna', 'first carl'])
  })

  t.test('once closed it answers nobody and throws at nobody', async t => {
    const store = await open(t)
    await store.close()
    await store.get('fact')
    await store.close()
  })
}
