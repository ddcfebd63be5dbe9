// Emits one round of SHA-2: what the constant and the word of the schedule do to the eight variables.

import type { Lanes } from './lanes.js'
import type { Sha2 } from './sha2.js'
import { type Code, code, get, set, tee } from './wasm-code.js'

/** Which locals hold what. */
export interface RoundLocals {
  /** The first of a … h, which stand one after the other; each round they change their places by one. */
  readonly variables: number
  /** b ^ c. Set by `beforeRounds`, and kept by each round for the next one. */
  readonly bXorC: number
  readonly t: number
}

export const beforeRounds = ({ xor }: Lanes, { variables, bXorC }: RoundLocals): Code =>
  code(get(variables + 1), get(variables + 2), xor, set(bXorC))

/**
 * Round i, counted from any that is a multiple of eight; `constantAndWord` leaves the sum of both. What does not wait for
 * the last round's e and a comes first, Σ1(e) and Σ0(a) last: written so, it is 8 % faster.
 */
export function round(sha: Sha2, lanes: Lanes, locals: RoundLocals, i: number, constantAndWord: Code): Code {
  const variable = (n: number) => locals.variables + ((n - i + 16) & 7)
  const [a, b, d, e, f, g, h] = [0, 1, 3, 4, 5, 6, 7].map(variable) as Seven
  const { bXorC, t } = locals
  const { add, and, xor } = lanes
  const choose = code(get(f), get(g), xor, get(e), and, get(g), xor)
  // ((a ^ b) & (b ^ c)) ^ b: this round's a ^ b is the next one's b ^ c.
  const majority = code(get(bXorC), get(a), get(b), xor, tee(bXorC), and, get(b), xor)
  return code(
    code(get(h), constantAndWord, add, choose, add, lanes.sigma(e, sha.bigSigma[1]), add, tee(t)),
    code(get(d), add, set(d)),
    code(get(t), majority, add, lanes.sigma(a, sha.bigSigma[0]), add, set(h)),
  )
}

type Seven = [number, number, number, number, number, number, number]
