// Emits SHA-2's compression function for one message block, or for one block of each lane at once.

import type { Lanes } from './lanes.js'
import type { Sha2 } from './sha2.js'
import { type Code, code, get, I32, i32, loop, set, tee, type WasmFunction } from './wasm-code.js'

/** Where the emitted code finds things in memory, in bytes. */
export interface CompressLayout {
  readonly roundConstantsAt: number
  readonly stateAt: number
}

const BLOCK = 0 // the parameter: address of the block, its words already in the machine's byte order
const CONSTANTS = 1
const VARIABLES = 2 // a … h
const SCHEDULE = 10 // the 16 words of the message schedule
const B_XOR_C = 26
const T = 27

/**
 * `(block address)`: adds the block to the state. Sixteen rounds stand unrolled in a loop: that is as far as the
 * engine's register allocator likes it. Unrolling all of them was a fifth slower with SIMD (V8 of Node 20).
 */
export function compressFunction(sha: Sha2, lanes: Lanes, layout: CompressLayout): WasmFunction {
  const word = sha.wordBytes * lanes.count
  const variables = [0, 1, 2, 3, 4, 5, 6, 7]
  const schedule = Array.from({ length: 16 }, (_, i) => i)
  const sixteen = (more: boolean) => schedule.map(i => round(sha, lanes, i, more))
  const lastRounds = layout.roundConstantsAt + (sha.rounds - 16) * sha.wordBytes
  return {
    parameters: [I32],
    locals: [I32, ...Array<number>(27).fill(lanes.type)],
    body: code(
      ...schedule.map(i => code(get(BLOCK), lanes.load(i * word), set(SCHEDULE + i))),
      ...variables.map(i => code(i32.const(0), lanes.load(layout.stateAt + i * word), set(VARIABLES + i))),
      code(get(VARIABLES + 1), get(VARIABLES + 2), lanes.xor, set(B_XOR_C)),
      code(i32.const(layout.roundConstantsAt), set(CONSTANTS)),
      loop(
        code(sixteen(true), get(CONSTANTS), i32.const(16 * sha.wordBytes), i32.add, set(CONSTANTS)),
        code(get(CONSTANTS), i32.const(lastRounds), i32.ne),
      ),
      sixteen(false),
      ...variables.map(i =>
        code(
          i32.const(0),
          code(i32.const(0), lanes.load(layout.stateAt + i * word), get(VARIABLES + i), lanes.add),
          lanes.store(layout.stateAt + i * word),
        ),
      ),
    ),
  }
}

/**
 * Round i of sixteen; with `more`, word i of the schedule becomes the word of round i + 16. What does not wait for
 * the last round's e and a comes first, Σ1(e) and Σ0(a) last: written so, it is 8 % faster.
 */
function round(sha: Sha2, lanes: Lanes, i: number, more: boolean): Code {
  const variable = (n: number) => VARIABLES + ((n - i + 16) & 7)
  const w = (n: number) => SCHEDULE + ((i + n) & 15)
  const [a, b, d, e, f, g, h] = [0, 1, 3, 4, 5, 6, 7].map(variable) as Seven
  const { add, and, xor } = lanes
  const constantAndWord = code(get(CONSTANTS), lanes.loadShared(i * sha.wordBytes), get(w(0)), add)
  const choose = code(get(f), get(g), xor, get(e), and, get(g), xor)
  // ((a ^ b) & (b ^ c)) ^ b: this round's a ^ b is the next one's b ^ c.
  const majority = code(get(B_XOR_C), get(a), get(b), xor, tee(B_XOR_C), and, get(b), xor)
  return code(
    code(get(h), constantAndWord, add, choose, add, lanes.sigma(e, sha.bigSigma[1]), add, tee(T)),
    code(get(d), add, set(d)),
    code(get(T), majority, add, lanes.sigma(a, sha.bigSigma[0]), add, set(h)),
    more ? code(nextWord(sha, lanes, w), set(w(0))) : [],
  )
}

function nextWord(sha: Sha2, lanes: Lanes, w: (n: number) => number): Code {
  const sigma = (n: 0 | 1, local: number) => {
    const [first, second, shift] = sha.smallSigma[n]
    return lanes.sigma(local, [first, second], shift)
  }
  return code(
    code(sigma(1, w(14)), sigma(0, w(1)), lanes.add),
    code(get(w(9)), get(w(0)), lanes.add, lanes.add),
  )
}

type Seven = [number, number, number, number, number, number, number]
