// IP networks as operators write them: is this address in one of them?

import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** The word that matches only a caller without an address (auth-request.c:auth_request_validate_networks, 2.3.19). */
const LOCAL = 'local'

/**
 * allow_nets and allow_real_nets: whether one of the networks (IP or CIDR, split at commas and spaces) holds the
 * address; `local` matches only when no address is known. An entry that is no network matches nothing, as in Dovecot.
 */
export function isWithinNetworks(networks: string, address: string | undefined): boolean {
  const entries = networks.split(/[\s,]+/).filter(entry => entry !== '')
  if (address === undefined) return entries.includes(LOCAL)
  return createNetworks(entries).holds(address)
}

export interface Networks {
  holds(address: string): boolean
}

/** The same for a list that is asked often: what it holds is worked out once. */
export function createNetworks(entries: readonly string[]): Networks {
  // One list for each family: in a common one ::/0 would hold IPv4 addresses too.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const entry of entries) {
    const network = parseNetwork(entry)
    if (network) lists[network.family].addSubnet(network.address, network.prefix, network.family)
  }
  return {
    holds: address => {
      const plain = plainAddress(address)
      const family = isIPv4(plain) ? 'ipv4' : isIPv6(plain) ? 'ipv6' : undefined
      return family !== undefined && lists[family].check(plain, family)
    },
  }
}

export interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/** `192.0.2.0/24`, `192.0.2.1`, `2001:db8::/32`; undefined for everything else. */
export function parseNetwork(entry: string): Network | undefined {
  const [written = '', bits, ...more] = entry.split('/')
  if (more.length > 0) return undefined
  const address = plainAddress(written)
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined
  if (family === undefined) return undefined
  const most = family === 'ipv4' ? 32 : 128
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  return prefix < 0 || prefix > most ? undefined : { address, prefix, family }
}

/** `::ffff:192.0.2.1` is 192.0.2.1: one client, whatever the socket's family. A zone (`fe80::1%eth0`) names an interface. */
function plainAddress(address: string): string {
  const plain = address.replace(/%.*$/, '')
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1] ?? plain
}

/** The network that is kept where the address must not be: `192.0.2.0/24`, `2001:db8:1::/48`; undefined for no address. */
export function networkOf(address: string): string | undefined {
  const plain = plainAddress(address)
  if (isIPv4(plain)) return `${plain.slice(0, plain.lastIndexOf('.'))}.0/24`
  if (!isIPv6(plain)) return undefined
  // In brackets, the URL parser writes an IPv6 address in its one canonical form.
  const [head = '', tail] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::')
  const [left, right] = [groupsOf(head), groupsOf(tail ?? '')]
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  const first = [...left, ...zeros, ...right].slice(0, 3).join(':')
  return `${first.replace(/(^|:)0(:0)*$/, '')}::/48`
}

const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'))
