// Computes slow hashes, in a worker: one at a time, or as many of one shape as the engine has lanes.

import { chooseShaCrypt, type ShaCryptEngines } from './choose-sha-crypt.js'
import type { ShaCryptHash } from './sha-crypt-engine.js'
import { type SlowHash, type SlowHashKind, shaOf } from './slow-hash.js'

const chosen = new Map<ShaCryptHash, ShaCryptEngines>()

/** The engine of this machine, chosen and tested when it is first asked for. */
function enginesOf(hash: ShaCryptHash): ShaCryptEngines {
  const known = chosen.get(hash)
  if (known) return known
  const engines = chooseShaCrypt(hash)
  chosen.set(hash, engines)
  return engines
}

/** One digest per hash. Several hashes are of one kind and shape, and no more than `capabilities` says. */
export async function computeHashes(
  hashes: readonly SlowHash[],
  passwords: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const [first] = hashes
  if (!first) return []
  const engines = enginesOf(shaOf(first))
  const inputs = hashes.map((hash, i) => ({
    password: passwords[i] ?? new Uint8Array(),
    salt: hash.salt,
    rounds: hash.rounds,
  }))
  return (inputs.length === 1 ? engines.single : engines.many).digests(inputs)
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
    engines: { 'SHA512-CRYPT': name(sha512), 'SHA256-CRYPT': name(sha256) },
    refused: [...sha512.refused, ...sha256.refused],
    lanes: { 'sha512-crypt': sha512.many.lanes, 'sha256-crypt': sha256.many.lanes },
  }
}

/** Hashes until the engine has compiled its best code for SHA512-CRYPT, or `limitMs` have passed. */
export function heat(limitMs: number): void {
  const { single, many } = enginesOf('sha512')
  const input = { password: Buffer.from('warming up'), salt: Buffer.from('0123456789abcdef'), rounds: 1000 }
  for (const engine of new Set([single, many])) {
    const inputs = Array<typeof input>(engine.lanes).fill(input)
    const end = performance.now() + limitMs / 2
    while (performance.now() < end) engine.digests(inputs)
  }
}
