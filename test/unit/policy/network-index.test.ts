// Thousands of entries cost a login no more than one does.

import t from 'tap'
import { addressOf } from '../../../src/model/ip-address.js'
import { createNetworks } from '../../../src/model/networks.js'
import { isWithin, NetworkIndex, networkForm } from '../../../src/policy/network-index.js'
import { createPolicyLists, type ListEntry, listEntry } from '../../../src/policy/policy-lists.js'
import { addressNumber } from './simulation.js'

const form = (address: string) => addressOf(address) ?? ''

t.test('an address is found in each network that holds it, as node:net finds it', async t => {
  const addresses = ['192.0.2.0', '192.0.2.129', '10.0.0.1', '2001:db8::1', '2001:db8:1::', '::1', '::']
  const lengths = { ipv4: [0, 1, 8, 24, 25, 31, 32], ipv6: [0, 1, 32, 47, 48, 64, 127, 128] }
  for (const base of addresses) {
    for (const length of base.includes(':') ? lengths.ipv6 : lengths.ipv4) {
      const network = `${form(base)}/${length}`
      const index = new NetworkIndex<string>()
      index.set(network, network)
      for (const address of addresses) {
        const expected = createNetworks([`${base}/${length}`]).holds(address)
        t.equal([...index.holding(form(address))].length > 0, expected, `${address} in ${network}`)
        t.equal(isWithin(form(address), network), expected)
      }
    }
  }
})

t.test('a network has one form', async t => {
  t.equal(networkForm('192.0.2.77', 24), '192.0.2.0/24')
  t.equal(networkForm('192.0.2.77', 32), '192.0.2.77')
  t.equal(networkForm(form('2001:db8:1:2::3'), 48), '2001:db8:1:0:0:0:0:0/48')
  t.match(listEntry('block', { network: '::ffff:192.0.2.9' }), { network: '192.0.2.9' })
  t.match(listEntry('block', { network: '192.0.2.9/24' }), { network: '192.0.2.0/24' })
  t.match(listEntry('block', { network: '192.0.2.9/33' }), { wrong: /neither address nor network/ })
})

t.test('what is over does not hide what is not', async t => {
  const lists = createPolicyLists(() => 1000)
  lists.replace([
    { list: 'block', network: '192.0.2.0/24', reason: 'over', expires: 999 },
    { list: 'block', network: '192.0.0.0/16', reason: 'not over' },
    { list: 'block', network: '198.51.100.0/24', login: 'anna', reason: 'a pair' },
  ])
  t.match(lists.find({ remote: '192.0.2.1' }, 'block'), { reason: 'not over' })
  t.equal(lists.find({ remote: '198.51.100.1' }, 'block'), undefined)
  t.match(lists.find({ remote: '198.51.100.1', login: 'anna' }, 'block'), { reason: 'a pair' })
  t.equal(lists.find({ remote: '203.0.113.1', login: 'anna' }, 'block'), undefined)
  t.equal(lists.find({ login: 'anna' }, 'block'), undefined)
})

t.test('a login is not slower with 20,000 blocked addresses than with one', async t => {
  const entries = Array.from(
    { length: 20_000 },
    (_, n) => listEntry('block', { network: addressNumber(n) }) as ListEntry,
  )
  const timeOf = (blocked: readonly ListEntry[]) => {
    const lists = createPolicyLists(() => 1000)
    lists.replace(blocked)
    const tries = Array.from({ length: 9 }, () => {
      const startedAt = performance.now()
      for (let n = 0; n < 2000; n++) lists.find({ login: 'anna', remote: '8.8.8.8' }, 'block')
      return performance.now() - startedAt
    })
    return Math.min(...tries)
  }
  const [one, many] = [timeOf(entries.slice(0, 1)), timeOf(entries)]
  t.ok(many < 20 * one, `${many.toFixed(1)} and ${one.toFixed(1)} ms for 2000`)
})
