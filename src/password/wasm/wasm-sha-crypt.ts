// sha-crypt on emitted WebAssembly: one password at a time, or one in each lane of the SIMD registers.

import type { ShaCryptEngine, ShaCryptHash } from '../sha-crypt-engine.js'
import { startShaCrypt } from '../sha-crypt-start.js'
import type { Width } from './lanes.js'
import { ShaCryptInstance } from './sha-crypt-instance.js'
import { sha256, sha512 } from './sha2.js'
import type { WebAssemblyApi } from './web-assembly.js'

const names: Readonly<Record<Width, string>> = {
  scalar: 'wasm',
  paired: 'wasm-paired',
  simd: 'wasm-simd',
}

/** Emits and compiles the modules. Throws where the platform does not know the instructions. `paired` is for SHA-512. */
export function wasmShaCrypt(api: WebAssemblyApi, hash: ShaCryptHash, width: Width): ShaCryptEngine {
  const sha = hash === 'sha512' ? sha512 : sha256
  const instance = new ShaCryptInstance(api, sha, width)
  const single = instance.lanes === 1 ? instance : new ShaCryptInstance(api, sha, 'scalar')
  const every = Array.from({ length: instance.lanes }, (_, lane) => lane)
  return {
    name: names[width],
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
