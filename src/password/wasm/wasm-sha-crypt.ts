// sha-crypt on emitted WebAssembly: one password at a time, or one in each lane of the SIMD registers.

import type { ShaCryptEngine, ShaCryptHash } from '../sha-crypt-engine.js'
import { startShaCrypt } from '../sha-crypt-start.js'
import { ShaCryptInstance } from './sha-crypt-instance.js'
import { sha256, sha512 } from './sha2.js'
import type { WebAssemblyApi } from './web-assembly.js'

/** Emits and compiles the modules. Throws where the platform does not know the instructions. */
export function wasmShaCrypt(
  api: WebAssemblyApi,
  hash: ShaCryptHash,
  width: 'scalar' | 'simd',
): ShaCryptEngine {
  const sha = hash === 'sha512' ? sha512 : sha256
  const single = new ShaCryptInstance(api, sha, 'scalar')
  const instance = width === 'scalar' ? single : new ShaCryptInstance(api, sha, 'simd')
  const every = Array.from({ length: instance.lanes }, (_, lane) => lane)
  return {
    name: width === 'scalar' ? 'wasm' : 'wasm-simd',
    lanes: instance.lanes,
    digests(inputs, breathe) {
      const starts = inputs.map(input => startShaCrypt(write => single.hash(write), input))
      for (const lane of every) {
        // A lane without an input of its own computes the first one again.
        const start = starts[lane] ?? starts[0]
        if (start) instance.layOut(lane, start.first, start.passwordBytes, start.saltBytes)
      }
      instance.run(inputs[0]?.rounds ?? 0, breathe)
      return inputs.map((_, lane) => instance.readDigest(lane))
    },
  }
}
