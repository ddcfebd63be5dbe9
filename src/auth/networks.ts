// allow_nets and allow_real_nets: may this address use the account?

import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** The word that matches only a caller without an address (auth-request.c:auth_request_validate_networks, 2.3.19). */
const LOCAL = 'local'

/**
 * Whether one of the networks (IP or CIDR, split at commas and spaces) holds the address; `local` matches
 * only when no address is known. An entry that is no network matches nothing, as in Dovecot.
 */
export function isWithinNetworks(networks: string, address: string | undefined): boolean {
  const entries = networks.split(/[\s,]+/).filter(entry => entry !== '')
  if (address === undefined) return entries.includes(LOCAL)
  const plain = unmapped(address)
  const family = isIPv6(plain) ? 'ipv6' : 'ipv4'
  return entries.some(entry => holds(entry, plain, family))
}

function holds(entry: string, address: string, family: 'ipv4' | 'ipv6'): boolean {
  const [network = '', bits] = entry.split('/')
  const plain = unmapped(network)
  const entryFamily = isIPv4(plain) ? 'ipv4' : isIPv6(plain) ? 'ipv6' : undefined
  if (entryFamily !== family) return false
  const most = family === 'ipv4' ? 32 : 128
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (prefix < 0 || prefix > most) return false
  const list = new BlockList()
  list.addSubnet(plain, prefix, family)
  return list.check(address, family)
}

/** `::ffff:192.0.2.1` is 192.0.2.1: one client, whatever the socket's family. */
function unmapped(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  return mapped?.[1] ?? address
}
