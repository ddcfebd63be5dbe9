// Emits the module that does sha-crypt's many rounds, and says where it looks for what in its memory.
//
// A round hashes P, S and the last digest in one of eight arrangements: r odd or even, S unless r % 3 is 0, P unless
// r % 7 is 0. The eight messages are laid out once per password, padded and in the machine's byte order; a round
// only writes the digest into its place and compresses.

import { type Lanes, lanes, type Scalar, type Width } from './lanes.js'
import type { Sha2 } from './sha2.js'
import { compressFunction } from './sha2-compress.js'
import { pairedCompressFunction } from './sha2-compress-paired.js'
import {
  type Code,
  call,
  code,
  get,
  I32,
  i32,
  loop,
  set,
  type WasmFunction,
  wasmModule,
} from './wasm-code.js'

/** Addresses in bytes. State, initial state and messages hold the lanes of a word side by side. */
export const at = {
  roundConstants: 0,
  state: 1024,
  initialState: 1280,
  /** 42 addresses: the arrangement of round r stands at r % 42, the least common multiple of 2, 3 and 7. */
  arrangementOfRound: 1536,
  /** Sixteen words. */
  constantsAndWords: 1792,
  /** Eight times: blocks, address of the message, and per lane where the digest begins and its shift in bits. */
  arrangements: 2048,
  messages: 4096,
  scratch: 65536,
} as const

export const ARRANGEMENTS = 8
export const ARRANGEMENT_PERIOD = 42
export const arrangementBytes = 64
export const field = { blocks: 0, message: 4, lanes: 8, laneBytes: 8, digest: 0, shift: 4 } as const

/** Room for scratch: the longest message is DP of a 511-byte password, 511 × 511 bytes and padding. */
export const scratchBytes = 262_144
export const memoryPages = (at.scratch + scratchBytes) / 65536

const compressIndex = 0

/**
 * Exports `absorb(address, blocks)`, which adds natural blocks to the state, and `run(rounds)`, which turns the
 * state from A's digest into the last round's.
 */
export function shaCryptModule(sha: Sha2, width: Width): Uint8Array {
  const word = lanes.scalar[sha.wordBytes]
  const wide = width === 'simd' ? lanes.simd[sha.wordBytes] : word
  const layout = {
    roundConstantsAt: at.roundConstants,
    stateAt: at.state,
    constantsAndWordsAt: at.constantsAndWords,
  }
  const compress =
    width === 'paired' ? pairedCompressFunction(sha, layout) : compressFunction(sha, wide, layout)
  return wasmModule([compress, absorbFunction(sha, wide), runFunction(sha, wide, word)])
}

function absorbFunction(sha: Sha2, wide: Lanes): WasmFunction {
  const [address, blocks] = [0, 1]
  return {
    exportAs: 'absorb',
    parameters: [I32, I32],
    locals: [],
    body: compressAll(sha, wide, address, blocks),
  }
}

function runFunction(sha: Sha2, wide: Lanes, word: Scalar): WasmFunction {
  const [roundsLeft, next, arrangement, message, blocks] = [0, 1, 2, 3, 4]
  const digestLocals = { arrangement, address: 5, shift: 6, previous: 7, current: 8 }
  const step = wide.count * sha.wordBytes
  const tableEnd = at.arrangementOfRound + ARRANGEMENT_PERIOD * 4
  return {
    exportAs: 'run',
    parameters: [I32],
    locals: [I32, I32, I32, I32, I32, word.type, word.type, word.type],
    body: code(
      code(i32.const(at.arrangementOfRound), set(next)),
      loop(
        code(
          code(get(next), i32.load(0), set(arrangement)),
          ...Array.from({ length: wide.count }, (_, lane) =>
            insertDigest(sha, word, lane, wide.count, digestLocals),
          ),
          ...Array.from({ length: 8 }, (_, i) =>
            code(
              i32.const(0),
              code(i32.const(0), wide.load(at.initialState + i * step)),
              wide.store(at.state + i * step),
            ),
          ),
          code(get(arrangement), i32.load(field.message), set(message)),
          code(get(arrangement), i32.load(field.blocks), set(blocks)),
          compressAll(sha, wide, message, blocks),
          code(get(next), i32.const(4), i32.add, set(next)),
          code(i32.const(at.arrangementOfRound), get(next)),
          code(get(next), i32.const(tableEnd), i32.eq, i32.select, set(next)),
          code(get(roundsLeft), i32.const(1), i32.sub, set(roundsLeft)),
        ),
        get(roundsLeft),
      ),
    ),
  }
}

const compressAll = (sha: Sha2, wide: Lanes, address: number, blocks: number): Code =>
  loop(
    code(
      code(get(address), call(compressIndex)),
      code(get(address), i32.const(sha.blockBytes * wide.count), i32.add, set(address)),
      code(get(blocks), i32.const(1), i32.sub, set(blocks)),
    ),
    get(blocks),
  )

interface DigestLocals {
  readonly arrangement: number
  readonly address: number
  readonly shift: number
  readonly previous: number
  readonly current: number
}

/**
 * Writes one lane's digest into its message at any byte: the words are shifted right across nine of the message's,
 * of which the first keeps what stands before the digest and the last what stands behind it.
 */
function insertDigest(sha: Sha2, word: Scalar, lane: number, count: number, locals: DigestLocals): Code {
  const { arrangement, address, shift, previous, current } = locals
  const entry = field.lanes + lane * field.laneBytes
  const step = count * sha.wordBytes
  const lastBit = sha.wordBytes * 8 - 1
  const all = word.constant(-1)
  const mask = code(all, get(shift), word.shrU)
  const upper = code(get(current), get(shift), word.shrU)
  // A shift by the whole width would do nothing, so it is done in two steps.
  const rest = code(get(previous), word.constant(1), word.shl)
  const lower = code(rest, word.constant(lastBit), get(shift), word.sub, word.shl)
  const existing = (i: number) => code(get(address), word.load(i * step))
  const into = (i: number, value: Code) => code(get(address), value, word.store(i * step))
  const digestWord = (i: number) =>
    code(i32.const(0), word.load(at.state + i * step + lane * sha.wordBytes), set(current))
  return code(
    code(get(arrangement), i32.load(entry + field.digest), set(address)),
    code(get(arrangement), i32.load(entry + field.shift), word.fromI32, set(shift)),
    code(digestWord(0), into(0, code(existing(0), mask, all, word.xor, word.and, upper, word.xor))),
    ...[1, 2, 3, 4, 5, 6, 7].map(i =>
      code(get(current), set(previous), digestWord(i), into(i, code(lower, upper, word.xor))),
    ),
    code(get(current), set(previous), into(8, code(existing(8), mask, word.and, lower, word.xor))),
  )
}
