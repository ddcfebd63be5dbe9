// Emits SHA-512's compression function for one message block, with the message schedule computed beside the rounds: two of
// its words at a time in a SIMD register, for which the core has other units. So do the fastest ones for a whole processor
// (OpenSSL's sha512-x86_64.pl); on Zen 5 it is a third quicker than one word after the other.

import { lanes } from './lanes.js'
import type { Sha2 } from './sha2.js'
import type { CompressLayout } from './sha2-compress.js'
import { beforeRounds, type RoundLocals, round } from './sha2-round.js'
import { type Code, code, get, I32, I64, i32, loop, set, V128, type WasmFunction } from './wasm-code.js'

export interface PairedLayout extends CompressLayout {
  /** Room for sixteen words: each word of the schedule with its round's constant. */
  readonly constantsAndWordsAt: number
}

const word = lanes.scalar[8]
const pair = lanes.simd[8]

const BLOCK = 0 // the parameter: address of the block, its words already in the machine's byte order
const CONSTANTS = 1
const roundLocals: RoundLocals = { variables: 2, bXorC: 10, t: 11 }
const PAIRS = 12 // the message schedule: words 0 and 1, 2 and 3, …, 14 and 15
const NEXT = 20

const eight = [0, 1, 2, 3, 4, 5, 6, 7]

/** `(block address)`: adds the block to the state. */
export function pairedCompressFunction(sha512: Sha2, layout: PairedLayout): WasmFunction {
  const { roundConstantsAt, stateAt, constantsAndWordsAt } = layout
  const { variables } = roundLocals
  const pairOf = (j: number) => PAIRS + (j & 7)
  const addConstants = (j: number) =>
    code(
      i32.const(0),
      code(get(pairOf(j)), get(CONSTANTS), pair.load(16 * j), pair.add),
      pair.store(constantsAndWordsAt + 16 * j),
    )
  const constantAndWord = (i: number) => code(i32.const(0), word.load(constantsAndWordsAt + 8 * i))
  const twoRounds = (j: number) =>
    [2 * j, 2 * j + 1].map(i => round(sha512, word, roundLocals, i, constantAndWord(i)))
  const lastConstants = roundConstantsAt + (sha512.rounds - 16) * sha512.wordBytes
  return {
    parameters: [I32],
    locals: [I32, ...Array<number>(10).fill(I64), ...Array<number>(9).fill(V128)],
    body: code(
      eight.map(j => code(get(BLOCK), pair.load(16 * j), set(pairOf(j)))),
      eight.map(i => code(i32.const(0), word.load(stateAt + 8 * i), set(variables + i))),
      beforeRounds(word, roundLocals),
      code(i32.const(roundConstantsAt), set(CONSTANTS)),
      eight.map(addConstants),
      loop(
        code(
          code(get(CONSTANTS), i32.const(16 * sha512.wordBytes), i32.add, set(CONSTANTS)),
          eight.map(j => code(twoRounds(j), nextPair(sha512, pairOf, j), addConstants(j))),
        ),
        code(get(CONSTANTS), i32.const(lastConstants), i32.ne),
      ),
      eight.map(twoRounds),
      eight.map(i =>
        code(
          i32.const(0),
          code(i32.const(0), word.load(stateAt + 8 * i), get(variables + i), word.add),
          word.store(stateAt + 8 * i),
        ),
      ),
    ),
  }
}

/** Words 2j and 2j + 1 of the schedule become those of sixteen rounds later. */
function nextPair(sha512: Sha2, pairOf: (j: number) => number, j: number): Code {
  const sigma = (n: 0 | 1, local: number) => {
    const [first, second, shift] = sha512.smallSigma[n]
    return pair.sigma(local, [first, second], shift)
  }
  /** The second word of one pair and the first of the next. */
  const across = (n: number) => code(get(pairOf(n)), get(pairOf(n + 1)), upperThenLower)
  return code(
    code(across(j), set(NEXT)),
    code(get(pairOf(j)), across(j + 4), pair.add, sigma(0, NEXT), pair.add),
    code(sigma(1, pairOf(j + 7)), pair.add, set(pairOf(j))),
  )
}

/** i8x16.shuffle: the upper half of one register, then the lower half of the other. */
const upperThenLower: Code = [0xfd, 0x0d, ...Array.from({ length: 16 }, (_, i) => i + 8)]
