// IP networks as operators write them: is this address in one of them?

import { BlockList } from 'node:net'
import { addressOf } from './ip-address.js'

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
    holds: text => {
      const address = addressOf(text)
      if (address === undefined) return false
      const family = familyOf(address)
      return lists[family].check(address, family)
    },
  }
}

export interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/**
 * `192.0.2.0/24`, `192.0.2.1`, `2001:db8::/32`, the address in the form of `addressOf`; undefined for everything else.
 * `::ffff:192.0.2.0/120` is 192.0.2.0/24.
 */
export function parseNetwork(entry: string): Network | undefined {
  const [written = '', bits, ...more] = entry.split('/')
  if (more.length > 0) return undefined
  const address = addressOf(written)
  if (address === undefined) return undefined
  const family = familyOf(address)
  const most = family === 'ipv4' ? 32 : 128
  if (bits === undefined) return { address, prefix: most, family }
  const isMapped = family === 'ipv4' && written.includes(':')
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) - (isMapped ? MAPPED_BITS : 0) : -1
  return prefix < 0 || prefix > most ? undefined : { address, prefix, family }
}

/** What stands before the IPv4 address in a mapped one (RFC 4291, section 2.5.5.2). */
const MAPPED_BITS = 96

/** The network that is kept where the address must not be: `192.0.2.0/24`, `2001:db8:1::/48`; undefined for no address. */
export function coarseNetworkOf(text: string): string | undefined {
  const address = addressOf(text)
  if (address === undefined) return undefined
  if (familyOf(address) === 'ipv4') return `${address.slice(0, address.lastIndexOf('.'))}.0/24`
  const first = address.split(':').slice(0, 3).join(':')
  return `${first.replace(/(^|:)0(:0)*$/, '')}::/48`
}

const familyOf = (address: string): Network['family'] => (address.includes(':') ? 'ipv6' : 'ipv4')
