// Which of many networks hold an address: one look for each length of network, however many networks there are.

import { isIPv4 } from 'node:net'

/** An address in the one form of addressOf, as a number. */
interface NumberedAddress {
  readonly bits: 32 | 128
  readonly value: bigint
}

/** `address/length`; without a length the address alone. Host bits do not matter. */
export class NetworkIndex<T> {
  /** Family and length → what the network has in front of its host bits → the value. */
  readonly #byLength = new Map<string, { length: number; bits: 32 | 128; values: Map<bigint, T> }>()

  set(network: string, value: T): void {
    const { bits, length, front } = frontOf(network)
    const key = `${bits}/${length}`
    const row = this.#byLength.get(key) ?? { length, bits, values: new Map<bigint, T>() }
    row.values.set(front, value)
    this.#byLength.set(key, row)
  }

  has(address: string): boolean {
    for (const _ of this.holding(address)) return true
    return false
  }

  /** What was set for networks that hold the address, in no order that matters. */
  *holding(address: string): Iterable<T> {
    if (this.#byLength.size === 0) return
    const { bits, value } = numbered(address)
    for (const row of this.#byLength.values()) {
      if (row.bits !== bits) continue
      const found = row.values.get(value >> BigInt(bits - row.length))
      if (found !== undefined) yield found
    }
  }
}

/** Whether the network, written as above, holds the address. */
export function isWithin(address: string, network: string): boolean {
  const { bits, length, front } = frontOf(network)
  const one = numbered(address)
  return one.bits === bits && one.value >> BigInt(bits - length) === front
}

/** The one way to write a network: without host bits, and without a length that says nothing. */
export function networkForm(address: string, length: number): string {
  const { bits, value } = numbered(address)
  if (length === bits) return address
  const host = BigInt(bits - length)
  return `${written({ bits, value: (value >> host) << host })}/${length}`
}

function frontOf(network: string) {
  const [address = '', given] = network.split('/')
  const { bits, value } = numbered(address)
  const length = given === undefined ? bits : Number(given)
  return { bits, length, front: value >> BigInt(bits - length) }
}

function numbered(address: string): NumberedAddress {
  if (isIPv4(address)) return { bits: 32, value: BigInt(numberOfIPv4(address)) }
  const groups = address.split(':').map(group => Number.parseInt(group, 16))
  return { bits: 128, value: joined(groups, 16n) }
}

function numberOfIPv4(address: string): number {
  let value = 0
  let part = 0
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i)
    if (code === DOT) {
      value = value * 256 + part
      part = 0
    } else part = part * 10 + code - ZERO
  }
  return value * 256 + part
}

const DOT = 0x2e
const ZERO = 0x30

const joined = (parts: readonly number[], width: bigint): bigint =>
  parts.reduce((sum, part) => (sum << width) | BigInt(part), 0n)

function written({ bits, value }: NumberedAddress): string {
  const width = bits === 32 ? 8n : 16n
  const count = bits === 32 ? 4 : 8
  const parts = Array.from({ length: count }, (_, i) =>
    Number((value >> (width * BigInt(count - 1 - i))) & ((1n << width) - 1n)),
  )
  return bits === 32 ? parts.join('.') : parts.map(part => part.toString(16)).join(':')
}
