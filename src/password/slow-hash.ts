// A computation that takes too long for the event loop, as data that can be sent to a worker.

import { shaCryptShape } from './sha-crypt-engine.js'

/** What to compute of a password; everything else that it takes comes from the stored value. */
export type SlowHash = ShaCrypt

export interface ShaCrypt {
  readonly kind: 'sha256-crypt' | 'sha512-crypt'
  readonly salt: Uint8Array
  readonly rounds: number
}

export type SlowHashKind = SlowHash['kind']

/** Hashes of the same shape may be computed together; undefined: only alone. */
export const shapeOf = (hash: SlowHash, passwordBytes: number): string | undefined =>
  shaCryptShape(shaOf(hash), hash.rounds, passwordBytes, hash.salt.length)

/** How much work it is, in a unit that means something only beside others of its kind. */
export const workOf = (hash: SlowHash, passwordBytes: number): number =>
  hash.rounds * (1 + (hash.salt.length + 2 * passwordBytes) / 64)

/** How much memory it takes, as far as that is worth counting. */
export const memoryBytesOf = (_hash: SlowHash): number => 0

export const shaOf = (hash: ShaCrypt): 'sha256' | 'sha512' =>
  hash.kind === 'sha256-crypt' ? 'sha256' : 'sha512'
