import t from 'tap'
import {
  coarseNetworkOf,
  createNetworks,
  isWithinNetworks,
  parseNetwork,
} from '../../../src/model/networks.js'

t.test('an address is in a network of its own family, however it is written', async t => {
  const { holds } = createNetworks(['192.0.2.0/24', '2001:db8::/32', '198.51.100.7'])
  for (const address of [
    '192.0.2.1',
    '::ffff:192.0.2.1',
    '::ffff:c000:201',
    '0:0:0:0:0:FFFF:192.0.2.1',
    '2001:db8::1',
    '198.51.100.7',
  ])
    t.ok(holds(address), address)
  for (const address of ['192.0.3.1', '2001:db9::1', '198.51.100.8', 'nonsense', ''])
    t.notOk(holds(address), address)
})

t.test('everything of one family is nothing of the other', async t => {
  t.notOk(createNetworks(['::/0']).holds('192.0.2.1'))
  t.notOk(createNetworks(['0.0.0.0/0']).holds('2001:db8::1'))
  t.ok(createNetworks(['::/0']).holds('2001:db8::1'))
})

t.test('a network of mapped addresses is the IPv4 network', async t => {
  const network = { address: '192.0.2.0', prefix: 24, family: 'ipv4' }
  for (const entry of ['192.0.2.0/24', '::ffff:192.0.2.0/120', '::ffff:c000:200/120'])
    t.same(parseNetwork(entry), network, entry)
  for (const entry of ['::ffff:0.0.0.0/95', '::ffff:192.0.2.0/24'])
    t.equal(parseNetwork(entry), undefined, entry)
})

t.test('an address with a zone is read without it', async t => {
  t.ok(createNetworks(['fe80::/10']).holds('fe80::1%eth0'))
  t.ok(isWithinNetworks('fe80::/10', 'fe80::1%eth0'))
})

t.test('what is no network is none', async t => {
  for (const entry of [
    '',
    'local',
    '192.0.2.0/33',
    '::/129',
    '192.0.2.0/x',
    '192.0.2',
    'host.example',
    '1.2.3.4/-1',
    '10.0.0.0/8/24',
  ])
    t.equal(parseNetwork(entry), undefined, entry)
})

t.test('an address is shortened to its network', async t => {
  const networks = {
    '192.0.2.77': '192.0.2.0/24',
    '::ffff:192.0.2.77': '192.0.2.0/24',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1::/48',
    '2001:DB8::1': '2001:db8::/48',
    '2001:db8:1::': '2001:db8:1::/48',
    '::1': '::/48',
    '0:0:3:4:5:6:7:8': '0:0:3::/48',
    '1:0:3:4:5:6:7:8': '1:0:3::/48',
    'fe80::1%eth0': 'fe80::/48',
  }
  for (const [address, network] of Object.entries(networks))
    t.equal(coarseNetworkOf(address), network, address)
  t.equal(coarseNetworkOf('nonsense'), undefined)
})
