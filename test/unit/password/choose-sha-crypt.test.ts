import t from 'tap'
import { chooseShaCrypt, whereItPays } from '../../../src/password/choose-sha-crypt.js'
import { computeHashes } from '../../../src/password/compute-hashes.js'
import { type WebAssemblyApi, webAssembly } from '../../../src/password/wasm/web-assembly.js'

const input = { password: Buffer.from('secret'), salt: Buffer.from('0123456789abcdef'), rounds: 1000 }

t.test('where WebAssembly works it is chosen, with lanes for those that wait', async t => {
  const { single, many, refused } = chooseShaCrypt('sha512')
  t.strictSame([single.name, single.lanes], ['wasm-paired', 1])
  t.strictSame([many.name, many.lanes], ['wasm-simd', 2])
  t.strictSame(refused, [])
})

t.test('several at once are passed over where one after the other is as quick', async t => {
  const engines = chooseShaCrypt('sha512')
  const taking = (msTogether: number) =>
    whereItPays('sha512', engines, engine => (engine.lanes === 1 ? 1 : msTogether))
  t.strictSame(taking(0.8), engines)
  const { single, many, refused } = taking(1.02)
  t.strictSame([single.name, many.name], ['wasm-paired', 'wasm-paired'])
  t.strictSame(refused, ['sha512-crypt by wasm-simd: 2 together take 1.02 of one after the other'])
  const withoutSimd = { ...engines, many: engines.single }
  t.strictSame(
    whereItPays('sha512', withoutSimd, () => 1),
    withoutSimd,
  )
})

t.test('more at once than there are lanes are computed one after the other', async t => {
  const passwords = ['one', 'two', 'six', 'ten', 'all'].map(text => Buffer.from(text))
  const hash = { kind: 'sha512-crypt', salt: input.salt, rounds: 1000 } as const
  const { single } = chooseShaCrypt('sha512')
  t.strictSame(
    await computeHashes(
      passwords.map(() => hash),
      passwords,
    ),
    passwords.map(password => single.digests([{ ...input, password }])[0]),
  )
})

t.test('without WebAssembly node:crypto computes the same', async t => {
  const { single, many, refused } = chooseShaCrypt('sha512', null)
  t.strictSame([single.name, many.name], ['node:crypto', 'node:crypto'])
  t.match(refused, [/has no WebAssembly/, /has no WebAssembly/, /has no WebAssembly/])
  t.strictSame(single.digests([input]), chooseShaCrypt('sha512').single.digests([input]))
})

t.test('an engine that computes wrong is passed over', async t => {
  if (!webAssembly) throw new Error('this Node has no WebAssembly')
  for (const hash of ['sha256', 'sha512'] as const) {
    const { single, refused } = chooseShaCrypt(hash, tampered(webAssembly))
    t.equal(single.name, 'node:crypto')
    t.ok(refused.length >= 2)
    for (const reason of refused) t.match(reason, /failed the self-test/)
  }
})

t.test('without SIMD one at a time is computed by WebAssembly', async t => {
  if (!webAssembly) throw new Error('this Node has no WebAssembly')
  const { single, many, refused } = chooseShaCrypt('sha512', withoutSimd(webAssembly))
  t.strictSame([single.name, many.name], ['wasm', 'wasm'])
  t.match(refused, [/by paired WebAssembly: no SIMD here/, /by simd WebAssembly: no SIMD here/])
})

/** A platform that compiles every module to one that does nothing. */
const tampered = (api: WebAssemblyApi): WebAssemblyApi => ({
  ...api,
  Memory: api.Memory,
  Module: api.Module,
  Instance: class {
    readonly exports = { absorb: () => {}, run: () => {} }
  },
})

const withoutSimd = (api: WebAssemblyApi): WebAssemblyApi => ({
  Memory: api.Memory,
  Instance: api.Instance,
  Module: class {
    constructor(bytes: Uint8Array) {
      // biome-ignore lint/correctness/noConstructorReturn: stands in for a constructor of the platform
      return compile(api, bytes)
    }
  },
})

function compile(api: WebAssemblyApi, bytes: Uint8Array): object {
  const V128 = 0x7b
  const declaresVectors = bytes.some((byte, i) => byte === 1 && bytes[i + 1] === V128)
  if (declaresVectors) throw new Error('no SIMD here')
  return new api.Module(bytes)
}
