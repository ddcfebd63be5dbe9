// Whose word on a client's address counts. allow_nets and every count of failures rest on it.

import { createNetworks, type Networks } from '../../model/networks.js'
import type { ListenerTrust } from './caller.js'

/** Whether the caller at this address may say where a client is. */
export type AddressTrust = (peer: string | undefined) => boolean

/** Without networks everybody who may ask is trusted: by token, certificate, or being on this machine. */
export function createAddressTrust(
  trustedNetworks: () => readonly string[],
  listener: ListenerTrust,
): AddressTrust {
  if (listener === 'unix-socket') return () => true
  let entries: readonly string[] = []
  let networks: Networks = createNetworks(entries)
  return peer => {
    const now = trustedNetworks()
    if (now !== entries) {
      networks = createNetworks(now)
      entries = now
    }
    return entries.length === 0 || (peer !== undefined && networks.holds(peer))
  }
}

export interface StatedAddresses {
  readonly remote_ip?: string
  readonly real_remote_ip?: string
}

/**
 * What to do with the request of a caller that is not trusted. One who states an address is refused: its own would stand
 * for all its clients', would pass their allow_nets, and would be blocked for their failures. One who states none is the
 * client itself: without an address it would pass as `local`.
 */
export function addressOfUntrusted(
  stated: StatedAddresses,
  peer: string | undefined,
): { readonly remote_ip: string } | 'refused' {
  const isSaid = Boolean(stated.remote_ip) || Boolean(stated.real_remote_ip)
  // A connection that is closed already has no address any more.
  return isSaid || peer === undefined ? 'refused' : { remote_ip: peer.replace(/^::ffff:(?=\d+\.)/i, '') }
}
