// One instance of the emitted module: lays messages out in its memory and reads digests from it.

import { type Breathe, PASSWORD_MAX, ROUNDS_PER_BREATH, SALT_MAX } from '../sha-crypt-engine.js'
import type { Width } from './lanes.js'
import {
  ARRANGEMENT_PERIOD,
  ARRANGEMENTS,
  arrangementBytes,
  at,
  field,
  memoryPages,
  scratchBytes,
  shaCryptModule,
} from './sha-crypt-module.js'
import type { Sha2 } from './sha2.js'
import type { WebAssemblyApi } from './web-assembly.js'

type Bytes = Uint8Array
type Absorb = (address: number, blocks: number) => void
type Run = (rounds: number) => void

/** Not for two callers at once: between two calls the state is what the last one left. */
export class ShaCryptInstance {
  readonly lanes: number
  readonly #sha: Sha2
  readonly #absorb: Absorb
  readonly #run: Run
  readonly #words: Uint32Array
  readonly #scratch: Buffer
  readonly #scratchWords: Uint32Array
  readonly #messageBytes: number

  constructor(api: WebAssemblyApi, sha: Sha2, width: Width) {
    const memory = new api.Memory({ initial: memoryPages })
    const { exports } = new api.Instance(new api.Module(shaCryptModule(sha, width)), { env: { memory } })
    this.lanes = width === 'simd' ? 16 / sha.wordBytes : 1
    this.#sha = sha
    this.#absorb = exports.absorb as Absorb
    this.#run = exports.run as Run
    this.#words = new Uint32Array(memory.buffer)
    this.#scratch = Buffer.from(memory.buffer, at.scratch, scratchBytes)
    this.#scratchWords = this.#words.subarray(at.scratch / 4)
    const longest = this.#paddedBytes(sha.digestBytes + 2 * PASSWORD_MAX + SALT_MAX)
    this.#messageBytes = longest * this.lanes
    this.#writeConstants()
  }

  /** The hash of what `write` put into the scratch and told the length of. For a single lane. */
  hash(write: (scratch: Buffer) => number): Buffer {
    const bytes = this.#pad(write(this.#scratch))
    this.#words.copyWithin(at.state / 4, at.initialState / 4, at.initialState / 4 + this.#sha.digestBytes / 4)
    this.#absorb(at.scratch, bytes / this.#sha.blockBytes)
    return this.readDigest(0)
  }

  /** Prepares a lane for `run`: the first digest and the eight messages. */
  layOut(lane: number, first: Bytes, passwordBytes: Bytes, saltBytes: Bytes): void {
    this.#scratch.set(first)
    this.#toNative(first.length)
    this.#scatter(first.length, at.state, lane)
    for (let r = 0; r < ARRANGEMENTS; r++) this.#layOutArrangement(lane, r, passwordBytes, saltBytes)
  }

  /** Does the rounds for all lanes. */
  run(rounds: number, breathe: Breathe = () => {}): void {
    let left = rounds
    for (; left > ROUNDS_PER_BREATH; left -= ROUNDS_PER_BREATH) {
      this.#run(ROUNDS_PER_BREATH)
      breathe()
    }
    this.#run(left)
  }

  /** The lane's digest in its natural byte order. */
  readDigest(lane: number): Buffer {
    const digest = Buffer.allocUnsafe(this.#sha.digestBytes)
    const target = new Uint32Array(digest.buffer, digest.byteOffset, digest.length / 4)
    const parts = this.#sha.wordBytes / 4
    for (let i = 0; i < target.length; i++)
      target[i] = this.#words[this.#laneWord(at.state, lane, i, parts)] ?? 0
    return swap(digest, this.#sha.wordBytes)
  }

  #layOutArrangement(lane: number, index: number, password: Bytes, salt: Bytes): void {
    const isOdd = (index & 1) !== 0
    const middle = [...(index & 2 ? [salt] : []), ...(index & 4 ? [password] : [])]
    const before = isOdd ? [password, ...middle] : []
    const behind = isOdd ? [] : [...middle, password]
    const digestAt = this.#write(before, 0)
    this.#scratch.fill(0, digestAt, digestAt + this.#sha.digestBytes)
    const bytes = this.#pad(this.#write(behind, digestAt + this.#sha.digestBytes))
    const message = at.messages + index * this.#messageBytes
    this.#scatter(bytes, message, lane)
    const word = Math.floor(digestAt / this.#sha.wordBytes)
    const entry = (at.arrangements + index * arrangementBytes) / 4
    const laneEntry = entry + (field.lanes + lane * field.laneBytes) / 4
    this.#words[entry + field.blocks / 4] = bytes / this.#sha.blockBytes
    this.#words[entry + field.message / 4] = message
    this.#words[laneEntry + field.digest / 4] = message + (word * this.lanes + lane) * this.#sha.wordBytes
    this.#words[laneEntry + field.shift / 4] = (digestAt % this.#sha.wordBytes) * 8
  }

  #write(parts: readonly Bytes[], start: number): number {
    let end = start
    for (const part of parts) {
      this.#scratch.set(part, end)
      end += part.length
    }
    return end
  }

  /** SHA-2's padding behind the first `length` bytes of the scratch, and all of it in the machine's byte order. */
  #pad(length: number): number {
    const bytes = this.#paddedBytes(length)
    this.#scratch.fill(0, length, bytes)
    this.#scratch[length] = 0x80
    this.#scratch.writeUInt32BE(length * 8, bytes - 4)
    this.#toNative(bytes)
    return bytes
  }

  #paddedBytes(length: number): number {
    const { blockBytes, wordBytes } = this.#sha
    return Math.ceil((length + 1 + 2 * wordBytes) / blockBytes) * blockBytes
  }

  #toNative(bytes: number): void {
    swap(this.#scratch.subarray(0, bytes), this.#sha.wordBytes)
  }

  /** Copies the scratch to where the lane's words stand. */
  #scatter(bytes: number, target: number, lane: number): void {
    const parts = this.#sha.wordBytes / 4
    for (let i = 0; i < bytes / 4; i++) {
      this.#words[this.#laneWord(target, lane, i, parts)] = this.#scratchWords[i] ?? 0
    }
  }

  #laneWord(address: number, lane: number, i: number, parts: number): number {
    return address / 4 + (parts === 1 ? i * this.lanes + lane : ((i >> 1) * this.lanes + lane) * 2 + (i & 1))
  }

  #writeConstants(): void {
    const { roundConstants, initialState, wordBytes } = this.#sha
    const memory = Buffer.from(this.#words.buffer)
    const write = (value: bigint, address: number) =>
      wordBytes === 8 ? memory.writeBigUInt64LE(value, address) : memory.writeUInt32LE(Number(value), address)
    roundConstants.forEach((k, i) => {
      write(k, at.roundConstants + i * wordBytes)
    })
    initialState.forEach((h, i) => {
      for (let lane = 0; lane < this.lanes; lane++) {
        write(h, at.initialState + (i * this.lanes + lane) * wordBytes)
      }
    })
    for (let r = 0; r < ARRANGEMENT_PERIOD; r++) {
      const index = (r & 1) | (r % 3 === 0 ? 0 : 2) | (r % 7 === 0 ? 0 : 4)
      memory.writeUInt32LE(at.arrangements + index * arrangementBytes, at.arrangementOfRound + r * 4)
    }
  }
}

/** Turns the bytes of each word around, in place. WebAssembly is little-endian, SHA-2 is not. */
const swap = (bytes: Buffer, wordBytes: 4 | 8): Buffer => (wordBytes === 8 ? bytes.swap64() : bytes.swap32())
