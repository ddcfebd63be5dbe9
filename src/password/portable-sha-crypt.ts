// sha-crypt on node:crypto: for platforms without WebAssembly. An eighth of its speed; the same digests.

import { createHash } from 'node:crypto'
import {
  type Breathe,
  ROUNDS_PER_BREATH,
  type ShaCryptEngine,
  type ShaCryptHash,
  type ShaCryptInput,
} from './sha-crypt-engine.js'
import { startShaCrypt } from './sha-crypt-start.js'

const scratch = Buffer.alloc(262_144)

export function portableShaCrypt(hash: ShaCryptHash): ShaCryptEngine {
  return {
    name: 'node:crypto',
    lanes: 1,
    digests: (inputs, breathe) => inputs.map(input => digest(hash, input, breathe)),
  }
}

function digest(hash: ShaCryptHash, input: ShaCryptInput, breathe?: Breathe): Buffer {
  const hashScratch = (length: number) => createHash(hash).update(scratch.subarray(0, length)).digest()
  const { first, passwordBytes, saltBytes } = startShaCrypt(write => hashScratch(write(scratch)), input)
  let last = first
  for (let r = 0; r < input.rounds; r++) {
    const isOdd = (r & 1) !== 0
    const round = createHash(hash).update(isOdd ? passwordBytes : last)
    if (r % 3 !== 0) round.update(saltBytes)
    if (r % 7 !== 0) round.update(passwordBytes)
    last = round.update(isOdd ? last : passwordBytes).digest()
    if ((r + 1) % ROUNDS_PER_BREATH === 0) breathe?.()
  }
  return last
}
