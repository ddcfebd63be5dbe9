// Emits SHA-2's compression function for one message block, or for one block of each lane at once.

import type { Lanes } from './lanes.js'
import type { Sha2 } from './sha2.js'
import { beforeRounds, type RoundLocals, round } from './sha2-round.js'
import { type Code, code, get, I32, i32, loop, set, type WasmFunction } from './wasm-code.js'

/** Where the emitted code finds things in memory, in bytes. */
export interface CompressLayout {
  readonly roundConstantsAt: number
  readonly stateAt: number
}

const BLOCK = 0 // the parameter: address of the block, its words already in the machine's byte order
const CONSTANTS = 1
const VARIABLES = 2 // a … h
const SCHEDULE = 10 // the 16 words of the message schedule
const roundLocals: RoundLocals = { variables: VARIABLES, bXorC: 26, t: 27 }

/**
 * `(block address)`: adds the block to the state. Sixteen rounds stand unrolled in a loop: that is as far as the
 * engine's register allocator likes it. Unrolling all of them was a fifth slower with SIMD (V8 of Node 20).
 */
export function compressFunction(sha: Sha2, lanes: Lanes, layout: CompressLayout): WasmFunction {
  const word = sha.wordBytes * lanes.count
  const variables = [0, 1, 2, 3, 4, 5, 6, 7]
  const schedule = Array.from({ length: 16 }, (_, i) => i)
  const sixteen = (more: boolean) => schedule.map(i => sixteenth(sha, lanes, i, more))
  const lastRounds = layout.roundConstantsAt + (sha.rounds - 16) * sha.wordBytes
  return {
    parameters: [I32],
    locals: [I32, ...Array<number>(27).fill(lanes.type)],
    body: code(
      ...schedule.map(i => code(get(BLOCK), lanes.load(i * word), set(SCHEDULE + i))),
      ...variables.map(i => code(i32.const(0), lanes.load(layout.stateAt + i * word), set(VARIABLES + i))),
      beforeRounds(lanes, roundLocals),
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

/** Round i of sixteen; with `more`, word i of the schedule becomes the word of round i + 16. */
function sixteenth(sha: Sha2, lanes: Lanes, i: number, more: boolean): Code {
  const w = (n: number) => SCHEDULE + ((i + n) & 15)
  const constantAndWord = code(get(CONSTANTS), lanes.loadShared(i * sha.wordBytes), get(w(0)), lanes.add)
  return code(
    round(sha, lanes, roundLocals, i, constantAndWord),
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
