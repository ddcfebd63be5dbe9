// Whatever computes sha-crypt on this machine, it computes the same.

import { randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { defaultPasswordSettings } from '../../../src/password/password-settings.js'
import { portableShaCrypt } from '../../../src/password/portable-sha-crypt.js'
import {
  PASSWORD_MAX,
  SALT_MAX,
  type ShaCryptEngine,
  type ShaCryptHash,
  type ShaCryptInput,
  shaCryptShape,
} from '../../../src/password/sha-crypt-engine.js'
import { prepareComparison } from '../../../src/password/verify-password.js'
import { wasmShaCrypt } from '../../../src/password/wasm/wasm-sha-crypt.js'
import { type WebAssemblyApi, webAssembly } from '../../../src/password/wasm/web-assembly.js'
import { readVectors } from './vectors.js'

const hashes: readonly ShaCryptHash[] = ['sha256', 'sha512']

const randomInput = (passwordBytes: number, saltBytes: number, rounds: number): ShaCryptInput => ({
  password: randomBytes(passwordBytes),
  salt: randomBytes(saltBytes),
  rounds,
})

/** Every length that puts the digest elsewhere in its block, and the longest there are. */
const lengths = [...Array.from({ length: 70 }, (_, i) => i), 127, 128, 129, 255, 256, PASSWORD_MAX]

for (const hash of hashes) {
  const portable = portableShaCrypt(hash)
  const expected = (input: ShaCryptInput) => portable.digests([input])[0]?.toString('hex')
  if (!webAssembly) throw new Error('this Node has no WebAssembly')
  const { scalar, simd, paired } = wasmOf(webAssembly, hash)
  const engines = [portable, scalar, simd, ...(paired ? [paired] : [])]

  for (const engine of engines) {
    t.test(`${hash}-crypt by ${engine.name} matches what Dovecot made`, async t => {
      let count = 0
      for (const { scheme, stored, password, origin } of readVectors().vectors) {
        if (scheme !== `${hash.toUpperCase()}-CRYPT` || stored.endsWith('}*0')) continue
        t.ok(opens(engine, stored, password), `${origin}: ${stored}`)
        count++
      }
      t.ok(count > 20, `${count} vectors`)
    })
  }

  t.test(`${hash}-crypt is the same with and without pauses`, async t => {
    const input = randomInput(11, 16, 5000)
    for (const engine of engines) {
      let breaths = 0
      const [digest] = engine.digests([input], () => breaths++)
      t.equal(digest?.toString('hex'), expected(input), engine.name)
      t.ok(breaths > 5, `${breaths} pauses`)
    }
  })

  for (const engine of engines.filter(engine => engine !== portable)) {
    t.test(`${hash}-crypt by ${engine.name} is what node:crypto computes`, async t => {
      for (const length of lengths) {
        const rounds = 1000 + randomInt(42)
        const input = randomInput(length, randomInt(SALT_MAX + 1), rounds)
        t.equal(
          engine.digests([input])[0]?.toString('hex'),
          expected(input),
          `${length} bytes, ${rounds} rounds`,
        )
      }
    })
  }

  t.test(
    `${hash}-crypt of different passwords in the lanes of one pass do not disturb each other`,
    async t => {
      for (let n = 0; n < 40; n++) {
        const inputs = sameShape(hash, simd.lanes, 1000 + n)
        const digests = simd.digests(inputs).map(digest => digest.toString('hex'))
        t.strictSame(digests, inputs.map(expected), inputs.map(i => i.password.length).join(', '))
      }
    },
  )
}

function wasmOf(api: WebAssemblyApi, hash: ShaCryptHash) {
  return {
    scalar: wasmShaCrypt(api, hash, 'scalar'),
    simd: wasmShaCrypt(api, hash, 'simd'),
    paired: hash === 'sha512' ? wasmShaCrypt(api, hash, 'paired') : undefined,
  }
}

function opens(engine: ShaCryptEngine, stored: string, password: string): boolean {
  const comparison = prepareComparison(stored, defaultPasswordSettings)
  if (comparison.kind !== 'slow' || !('rounds' in comparison.hash)) return false
  const { salt, rounds } = comparison.hash
  const [digest = Buffer.alloc(0)] = engine.digests([{ password: Buffer.from(password), salt, rounds }])
  return comparison.matches(digest)
}

/** Inputs of different lengths that may share a pass. */
function sameShape(hash: ShaCryptHash, count: number, rounds: number): ShaCryptInput[] {
  const first = randomInput(randomInt(100), randomInt(SALT_MAX + 1), rounds)
  const shape = shaCryptShape(hash, rounds, first.password.length, first.salt.length)
  const inputs = [first]
  while (inputs.length < count) {
    const next = randomInput(randomInt(100), randomInt(SALT_MAX + 1), rounds)
    if (shaCryptShape(hash, rounds, next.password.length, next.salt.length) === shape) inputs.push(next)
  }
  return inputs
}
