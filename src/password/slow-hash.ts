// A computation that takes too long for the event loop, as data that can be sent to a worker.

import { isUtf8 } from 'node:buffer'
import { shaCryptShape } from './sha-crypt-engine.js'

/** What to compute of a password; everything else that it takes comes from the stored value. */
export type SlowHash = ShaCrypt | Md5Crypt | DesCrypt | Bcrypt | Pbkdf2 | Otp | Argon2 | PlatformCrypt

export interface ShaCrypt {
  readonly kind: 'sha256-crypt' | 'sha512-crypt'
  readonly salt: Uint8Array
  readonly rounds: number
}

export interface Md5Crypt {
  readonly kind: 'md5-crypt'
  readonly salt: Uint8Array
}

export interface DesCrypt {
  readonly kind: 'des-crypt'
  readonly salt: Uint8Array
}

export interface Bcrypt {
  readonly kind: 'bcrypt'
  readonly minor: 'a' | 'b' | 'x' | 'y'
  readonly cost: number
  /** As it is written. */
  readonly salt: Uint8Array
}

export interface Pbkdf2 {
  readonly kind: 'pbkdf2'
  readonly digest: 'sha1' | 'sha256'
  readonly salt: Uint8Array
  readonly rounds: number
  readonly bytes: number
}

export interface Otp {
  readonly kind: 'otp'
  readonly algorithm: 'md4' | 'md5' | 'sha1'
  /** OTP's word for it is seed. */
  readonly salt: Uint8Array
  readonly rounds: number
}

export interface Argon2 {
  readonly kind: 'argon2i' | 'argon2id'
  readonly salt: Uint8Array
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
  readonly bytes: number
}

/** What crypt(3) is asked for: `salt` is all that stands before the digest. */
export interface PlatformCrypt {
  readonly kind: 'yescrypt' | 'gost-yescrypt' | 'scrypt' | 'sha1-crypt' | 'sun-md5' | 'bsdi-crypt' | 'nt-hash'
  readonly salt: Uint8Array
  readonly work: number
  readonly memoryBytes: number
}

export type SlowHashKind = SlowHash['kind']

/** Hashes of the same shape may be computed together; undefined: only alone. */
export function shapeOf(hash: SlowHash, passwordBytes: number): string | undefined {
  return isShaCrypt(hash)
    ? shaCryptShape(shaOf(hash), hash.rounds, passwordBytes, hash.salt.length)
    : undefined
}

/** How much work it is, in a unit that means something only beside others of its kind. */
export function workOf(hash: SlowHash, passwordBytes: number): number {
  if (isShaCrypt(hash)) return hash.rounds * (1 + (hash.salt.length + 2 * passwordBytes) / 64)
  if (hash.kind === 'bcrypt') return 2 ** hash.cost
  if ('work' in hash) return hash.work
  if ('memoryKiB' in hash) return hash.memoryKiB * hash.passes
  return 'rounds' in hash ? hash.rounds + 1 : 1
}

/** What a unit of that work takes on a usual machine, in milliseconds: until this one has shown it. */
export const usualMsPerWork: Readonly<Record<SlowHashKind, number>> = {
  'sha256-crypt': 2e-4,
  'sha512-crypt': 2e-4,
  'md5-crypt': 1,
  'des-crypt': 1,
  bcrypt: 0.08,
  pbkdf2: 2e-4,
  otp: 1e-3,
  argon2i: 7e-4,
  argon2id: 7e-4,
  yescrypt: 5e-4,
  'gost-yescrypt': 5e-4,
  scrypt: 1e-3,
  'sha1-crypt': 1e-3,
  'sun-md5': 1e-3,
  'bsdi-crypt': 1e-3,
  'nt-hash': 0.1,
}

/** How much memory it takes, as far as that is worth counting. */
export function memoryBytesOf(hash: SlowHash): number {
  if ('memoryBytes' in hash) return hash.memoryBytes
  return 'memoryKiB' in hash ? hash.memoryKiB * 1024 : 0
}

/**
 * Whether it is computed by another process, which must be ended with it. Of bcrypt that is what the package bcryptjs
 * cannot do: it takes text and hashes its UTF-8 form, so that other bytes cannot be given to it; nor does it know `$2x$`.
 */
export function isComputedOutside(hash: SlowHash, password: Uint8Array): boolean {
  if (hash.kind === 'bcrypt') return hash.minor === 'x' || !isUtf8(password)
  return 'memoryKiB' in hash || 'memoryBytes' in hash
}

export const isShaCrypt = (hash: SlowHash): hash is ShaCrypt =>
  hash.kind === 'sha256-crypt' || hash.kind === 'sha512-crypt'

export const shaOf = (hash: ShaCrypt): 'sha256' | 'sha512' =>
  hash.kind === 'sha256-crypt' ? 'sha256' : 'sha512'
