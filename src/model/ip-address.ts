// One form for each address, so that two can be compared as texts.

import { isIPv4, isIPv6 } from 'node:net'

/**
 * `192.0.2.1`, `2001:db8:0:0:0:0:0:1`: `::ffff:192.0.2.1` is 192.0.2.1, and a zone (`fe80::1%eth0`), which names an interface,
 * is left out. undefined for what is no address.
 */
export function addressOf(text: string): string | undefined {
  const address = text.replace(/%.*$/, '')
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return undefined
  const groups = groupsOf(address)
  return isMapped(groups) ? ipv4Of(groups) : groups.map(group => group.toString(16)).join(':')
}

function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const text = dotted
    ? `${dotted[1]}${hexPair(dotted[2], dotted[3])}:${hexPair(dotted[4], dotted[5])}`
    : address
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : new Array(8 - left.length - right.length).fill('0')
  return [...left, ...zeros, ...right].map(group => Number.parseInt(group, 16))
}

const hexPair = (high = '0', low = '0'): string => (Number(high) * 256 + Number(low)).toString(16)

const isMapped = (groups: readonly number[]): boolean =>
  groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff

const ipv4Of = (groups: readonly number[]): string =>
  [groups[6] ?? 0, groups[7] ?? 0].flatMap(group => [group >> 8, group & 255]).join('.')
