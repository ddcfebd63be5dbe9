// Computes slow hashes, in a worker: one at a time, or as many of one shape as the engine has lanes.

import { pbkdf2Sync } from 'node:crypto'
import { chooseShaCrypt, type ShaCryptEngines, whereItPays } from './choose-sha-crypt.js'
import { argon2Process, computeArgon2 } from './compute-argon2.js'
import { computeBcrypt } from './compute-bcrypt.js'
import { computeDesCrypt } from './compute-des-crypt.js'
import { computeMd5Crypt } from './compute-md5-crypt.js'
import { computeOtp } from './compute-otp.js'
import { platformCrypt } from './compute-platform-crypt.js'
import type { Breathe, ShaCryptEngine, ShaCryptHash } from './sha-crypt-engine.js'
import { isShaCrypt, type ShaCrypt, type SlowHash, type SlowHashKind, shaOf } from './slow-hash.js'

/** One digest per hash. Several hashes are of one kind and shape, and no more than `capabilities` says. */
export async function computeHashes(
  hashes: readonly SlowHash[],
  passwords: readonly Uint8Array[],
  breathe?: Breathe,
): Promise<Uint8Array[]> {
  const [hash] = hashes
  const [password = new Uint8Array()] = passwords
  if (!hash) return []
  return isShaCrypt(hash)
    ? computeShaCrypt(hashes.filter(isShaCrypt), passwords, breathe)
    : [await compute(hash, password)]
}

function compute(hash: Exclude<SlowHash, ShaCrypt>, password: Uint8Array): Uint8Array | Promise<Uint8Array> {
  switch (hash.kind) {
    case 'md5-crypt':
      return computeMd5Crypt(password, hash.salt)
    case 'des-crypt':
      return computeDesCrypt(password, hash.salt)
    case 'bcrypt':
      return computeBcrypt(hash, password)
    case 'pbkdf2':
      return pbkdf2Sync(password, hash.salt, hash.rounds, hash.bytes, hash.digest)
    case 'otp':
      return computeOtp(hash.algorithm, hash.salt, password, hash.rounds)
    case 'argon2i':
    case 'argon2id':
      return computeArgon2(hash, password)
    default:
      return platformCrypt.compute(hash.kind, hash.salt, password)
  }
}

/** Ends what is computed outside of this process; nothing more will be. Resolves when it is gone. */
export async function stopPrograms(): Promise<void> {
  await Promise.all([argon2Process.stop(), platformCrypt.stop()])
}

const chosen = new Map<ShaCryptHash, ShaCryptEngines>()

/** The engine of this machine, chosen and tested when it is first asked for. */
function enginesOf(hash: ShaCryptHash): ShaCryptEngines {
  const known = chosen.get(hash)
  if (known) return known
  const engines = chooseShaCrypt(hash)
  chosen.set(hash, engines)
  return engines
}

function computeShaCrypt(
  hashes: readonly ShaCrypt[],
  passwords: readonly Uint8Array[],
  breathe: Breathe | undefined,
): Uint8Array[] {
  const inputs = hashes.map(({ salt, rounds }, i) => ({
    password: passwords[i] ?? new Uint8Array(),
    salt,
    rounds,
  }))
  const { single, many } = enginesOf(hashes[0] ? shaOf(hashes[0]) : 'sha512')
  if (inputs.length > 1 && inputs.length <= many.lanes) return many.digests(inputs, breathe)
  return inputs.flatMap(input => single.digests([input], breathe))
}

export interface Capabilities {
  /** What computes what; for the log. */
  readonly engines: Readonly<Record<string, string>>
  /** Implementations that were passed over, and why. */
  readonly refused: readonly string[]
  /** How many hashes of a kind and one shape can be computed together. */
  readonly lanes: Readonly<Partial<Record<SlowHashKind, number>>>
}

export function capabilities(): Capabilities {
  const sha512 = enginesOf('sha512')
  const sha256 = enginesOf('sha256')
  const name = ({ single, many }: ShaCryptEngines) =>
    single === many ? single.name : `${single.name}, ${many.name} for ${many.lanes} that wait`
  return {
    engines: {
      'SHA512-CRYPT': name(sha512),
      'SHA256-CRYPT': name(sha256),
      'yescrypt and the like': platformCrypt.name,
    },
    refused: [...sha512.refused, ...sha256.refused],
    lanes: { 'sha512-crypt': sha512.many.lanes, 'sha256-crypt': sha256.many.lanes },
  }
}

/**
 * Hashes until the engine has compiled its best code for SHA512-CRYPT, or `limitMs` have passed; then looks whether this core
 * is quicker with several at once.
 */
export function heat(limitMs: number): void {
  if (limitMs === 0) return
  const engines = enginesOf('sha512')
  for (const engine of new Set([engines.single, engines.many])) {
    const end = performance.now() + limitMs / 2
    while (performance.now() < end) msPerHash(engine)
  }
  chosen.set(
    'sha512',
    whereItPays('sha512', engines, engine =>
      Math.min(...Array.from({ length: 10 }, () => msPerHash(engine))),
    ),
  )
}

const warmUp = { password: Buffer.from('warming up'), salt: Buffer.from('0123456789abcdef'), rounds: 1000 }

function msPerHash(engine: ShaCryptEngine): number {
  const inputs = Array<typeof warmUp>(engine.lanes).fill(warmUp)
  const start = performance.now()
  engine.digests(inputs)
  return (performance.now() - start) / engine.lanes
}
