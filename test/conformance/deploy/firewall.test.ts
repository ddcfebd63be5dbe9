// deploy/firewall: nft's own check of every machine's version, and that no rule knows one family only.

import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { skipWithout } from '../../system/parts.js'
import { canFirewall, openPorts } from './firewalled-machine.js'

const root = join(import.meta.dirname, '../../../..')
const rules = await readFile(join(root, 'deploy/firewall/homing.nft'), 'utf8')
const roles = [...rules.matchAll(/^\t\t#jump (is_[a-z]+)$/gm)].map(([, role = '']) => role)

/** The file of a machine that is this. */
const of = (...chosen: string[]): string =>
  chosen.reduce((text, role) => text.replace(`#jump ${role}\n`, `jump ${role}\n`), rules)

const isRoot = process.getuid?.() === 0
const isThere = spawnSync('nft', ['--version']).status === 0
// What is required and missing here is a failure, and says so by itself.
const skip = skipWithout('nft', isRoot && isThere, 'nft is missing, or this is not root: install nftables')

t.test(
  'nft takes it as it stands, for every kind of machine, and for one that is all of them',
  { skip },
  t => {
    t.same(roles, ['is_proxy', 'is_backend', 'is_balancer', 'is_homing', 'is_database', 'is_valkey'])
    for (const chosen of [[], ...roles.map(role => [role]), roles]) {
      const { status, stderr } = spawnSync('nft', ['-c', '-f', '-'], {
        input: of(...chosen),
        encoding: 'utf8',
      })
      t.same({ status, stderr }, { status: 0, stderr: '' }, chosen.join(' and ') || 'as it stands')
    }
    t.end()
  },
)

t.test('as it stands it opens SSH to administrators and no port else', t => {
  const input = /chain input \{(.*?)\n\t\}/s.exec(rules)?.[1] ?? ''
  t.match(input, /policy drop;/)
  const open = [...input.matchAll(/^\t\t([^#\n]*tcp dport.*)$/gm)].map(([, rule]) => rule)
  t.same(open, ['ip saddr $ADMINS4 tcp dport 22 accept', 'ip6 saddr $ADMINS6 tcp dport 22 accept'])
  t.end()
})

t.test('what is open to IPv4 addresses is open to the same in IPv6, and only a proxy is open to all', t => {
  const lines = rules.split('\n').map(line => line.trim())
  const v4 = lines.filter(line => line.startsWith('ip saddr'))
  const v6 = lines.filter(line => line.startsWith('ip6 saddr $'))
  t.ok(v4.length >= 15)
  t.same(
    v4.map(rule => rule.replace(/^ip /, 'ip6 ').replace(/4 /, '6 ')),
    v6,
  )
  t.same(
    lines.filter(line => line.startsWith('tcp dport')),
    ['tcp dport $MAIL accept'],
  )
  t.match(rules, /chain is_proxy \{\n\t\ttcp dport \$MAIL accept/)
  t.end()
})

const proxy = ['192.0.2.21', '2001:db8::21']
const homing = ['192.0.2.11', '2001:db8::11']
const balancer = ['192.0.2.8', '2001:db8::8']
const admin = ['192.0.2.130', '2001:db8:0:a::1']
const stranger = ['192.0.2.99', '2001:db8::99']
const ports = [22, 24, 110, 143, 993, 995, 3306, 4001, 6379, 8079, 8080, 8081, 8443]
const mail = [110, 143, 993, 995]

/** Each kind of machine, and what is open to whom in both families. */
const machines: Readonly<Record<string, readonly (readonly [readonly string[], readonly number[]])[]>> = {
  is_backend: [
    [proxy, [24, ...mail]],
    [homing, [8079]],
    [stranger, []],
  ],
  is_proxy: [
    [stranger, mail],
    [homing, [...mail, 8079]],
  ],
  is_homing: [
    [balancer, [8080]],
    [proxy, [4001, 8080]],
    [stranger, []],
  ],
  is_database: [
    [homing, [3306]],
    [proxy, []],
  ],
}

const skipReal = skip || skipWithout('nft', canFirewall(), 'network namespaces cannot be made here')

for (const [role, expected] of Object.entries(machines)) {
  t.test(`packets: what ${role} opens, and to whom, over IPv4 and IPv6`, { skip: skipReal }, async t => {
    const callers = expected.flatMap(([addresses]) => addresses)
    const open = await openPorts(of(role), { machine: ['192.0.2.77', '2001:db8::77'], callers, ports })
    for (const [addresses, wanted] of expected) {
      for (const address of addresses) t.same(open.get(address), wanted, address)
    }
  })
}

t.test('packets: an administrator has SSH, and the admin API of Homing', { skip: skipReal }, async t => {
  const addresses = ['192.0.2.77', '2001:db8:0:a::77']
  const open = await openPorts(of('is_homing'), { machine: addresses, callers: admin, ports })
  for (const address of admin) t.same(open.get(address), [22, 8081], address)
})
