// Chooses the quickest engine that proves itself: an implementation that errs once is never used.

import { portableShaCrypt } from './portable-sha-crypt.js'
import {
  type ShaCryptEngine,
  type ShaCryptHash,
  type ShaCryptInput,
  shaCryptShape,
} from './sha-crypt-engine.js'
import type { Width } from './wasm/lanes.js'
import { wasmShaCrypt } from './wasm/wasm-sha-crypt.js'
import { type WebAssemblyApi, webAssembly } from './wasm/web-assembly.js'

export interface ShaCryptEngines {
  /** Quickest for one password. */
  readonly single: ShaCryptEngine
  /** Quickest for as many as it has lanes; the same as `single` where there is no SIMD. */
  readonly many: ShaCryptEngine
  /** Engines that were passed over, and why; for the log. */
  readonly refused: readonly string[]
}

/** Compiles and tests. What a platform lacks or computes wrong is passed over in favour of node:crypto. */
export function chooseShaCrypt(
  hash: ShaCryptHash,
  api: WebAssemblyApi | null = webAssembly ?? null,
): ShaCryptEngines {
  const refused: string[] = []
  const portable = portableShaCrypt(hash)
  const proved = (width: Width): ShaCryptEngine | undefined => {
    try {
      if (!api) throw new Error('this platform has no WebAssembly')
      const engine = wasmShaCrypt(api, hash, width)
      if (!knowsTheAnswers(hash, engine)) throw new Error('it failed the self-test')
      return engine
    } catch (cause) {
      refused.push(`${hash}-crypt by ${width} WebAssembly: ${cause instanceof Error ? cause.message : cause}`)
      return undefined
    }
  }
  const paired = hash === 'sha512' ? proved('paired') : undefined
  const single = paired ?? proved('scalar') ?? portable
  return { single, many: proved('simd') ?? single, refused }
}

/** Several at once are worth their waiting for each other from so much on. */
const WORTH_IT = 0.95

/**
 * The engines without `many` where it does not pay: a core may do one after the other as quickly as several at once.
 * `msPerHash` tells how long an engine takes for each of as many as it has lanes.
 */
export function whereItPays(
  hash: ShaCryptHash,
  engines: ShaCryptEngines,
  msPerHash: (engine: ShaCryptEngine) => number,
): ShaCryptEngines {
  const { single, many, refused } = engines
  if (many === single) return engines
  const share = msPerHash(many) / msPerHash(single)
  if (share <= WORTH_IT) return engines
  const slow = `${hash}-crypt by ${many.name}: ${many.lanes} together take ${share.toFixed(2)} of one after the other`
  return { single, many: single, refused: [...refused, slow] }
}

/** Made with crypt(3) of libxcrypt 4.4.33, 1000 rounds: salt, password and the digest in hexadecimal. */
const knownAnswers: Record<ShaCryptHash, readonly (readonly [string, string, string])[]> = {
  sha256: [
    [
      '0123456789abcdef',
      '08/15!test~4711',
      'c0279fb09c1861bbf726f078b4aa01b11996bcab563c30122f0af7d8396aed6c',
    ],
    [
      'fedcba9876543210',
      'a password abcd',
      'e0861795310b34ec495f4b66dfe12ceaf5afaef3bba2226409534d2698a3c668',
    ],
    ['', '', '0dc9b0e0900f0ce71f36c359cbcf968d6366f2762f5699a2f5ea5fdccb70f0c8'],
    [
      'salt',
      'Grüße, eine lange Passphrase mit mehr als 64 Zeichen, damit zwei Blöcke nötig sind',
      '1a23c2fba9dcf75ddb74fe43515a4eaeb816b99922e407bb42af1b16d29c2c40',
    ],
  ],
  sha512: [
    [
      '0123456789abcdef',
      '08/15!test~4711',
      'a487053a21bdd97bde69c95a6a66dd91cc70a9da99c5affe1e0ed2f9d1b45d2f57bdbde60edb41fce4e82568d73b08db665ba79e10e4e10eb2ed03d5cf224fdd',
    ],
    [
      'fedcba9876543210',
      'a password abcd',
      'cc5123b1d41d5686763b7b7acc02c7985af85f90722d9931f18d66ca3ad0a18c33f80dbec5b2ea6c00f03eebc626d6f762edc35c750fbc89b6e919d676a18b3f',
    ],
    [
      '',
      '',
      'a9f5b39b0913ae6da4886fa0219d33a2b5270d7e588615814633bfd310fc31da2c60540954c6132d7be4d99a03d7ae4e45dbf3e4c922c2e891e3e1f471d77c5b',
    ],
    [
      'salt',
      'Grüße, eine lange Passphrase mit mehr als 64 Zeichen, damit zwei Blöcke nötig sind',
      'be08a4526637005da10e42d52b937a82b8171404ed0c1e5f41d147d758379f567c3cec4548c464a3c5ced46fa43cf62290a14c9aee9fdef124518b8572633e58',
    ],
  ],
}

/** Every known answer comes out right, alone and beside those of its shape. */
function knowsTheAnswers(hash: ShaCryptHash, engine: ShaCryptEngine): boolean {
  const answers = knownAnswers[hash].map(([salt, password, digest]) => {
    const input = { salt: Buffer.from(salt), password: Buffer.from(password), rounds: 1000 }
    return { input, digest, shape: shapeOf(hash, input) }
  })
  return answers.every(answer => {
    const together = answers.filter(other => other.shape === answer.shape).slice(0, engine.lanes)
    const alone = engine.digests([answer.input])
    const side = engine.digests(together.map(({ input }) => input))
    return (
      alone[0]?.toString('hex') === answer.digest &&
      together.every((t, i) => side[i]?.toString('hex') === t.digest)
    )
  })
}

const shapeOf = (hash: ShaCryptHash, { password, salt, rounds }: ShaCryptInput): string =>
  shaCryptShape(hash, rounds, password.length, salt.length)
