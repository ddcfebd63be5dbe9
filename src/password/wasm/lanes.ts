// What a local of the emitted hash holds: one word, or one word of each of several passwords in a SIMD register.

import { type Code, code, get, I32, I64, i32, signed, unsigned, V128 } from './wasm-code.js'

/**
 * How a module computes: one password with a word in each local (`scalar`), the same with SHA-512's message schedule two words
 * at a time (`paired`), or a password in each lane of the SIMD registers (`simd`).
 */
export type Width = 'scalar' | 'paired' | 'simd'

export interface Lanes {
  readonly count: 1 | 2 | 4
  readonly type: number
  readonly load: (offset: number) => Code
  readonly store: (offset: number) => Code
  /** Loads one word and gives it to every lane. */
  readonly loadShared: (offset: number) => Code
  readonly add: Code
  readonly and: Code
  readonly xor: Code
  /** The xor of the local rotated right by each of `rotations` and, if given, shifted right by `shift`. */
  readonly sigma: (local: number, rotations: readonly number[], shift?: number) => Code
}

/** One word per local, with the further instructions that only single words need. */
export interface Scalar extends Lanes {
  readonly constant: (value: number) => Code
  readonly sub: Code
  readonly shl: Code
  readonly shrU: Code
  /** Widens an i32 to the word, without sign. */
  readonly fromI32: Code
}

/** One word per local: a rotation is one instruction. */
function scalar(wordBytes: 4 | 8): Scalar {
  const is64 = wordBytes === 8
  const log2 = is64 ? 3 : 2
  const constant = (value: number): Code => (is64 ? [0x42, ...signed(BigInt(value))] : i32.const(value))
  const rotr: Code = [is64 ? 0x8a : 0x78]
  const shrU: Code = [is64 ? 0x88 : 0x76]
  const xor: Code = [is64 ? 0x85 : 0x73]
  const load = (offset: number): Code => [is64 ? 0x29 : 0x28, log2, ...unsigned(offset)]
  return {
    count: 1,
    type: is64 ? I64 : I32,
    load,
    store: offset => [is64 ? 0x37 : 0x36, log2, ...unsigned(offset)],
    loadShared: load,
    add: [is64 ? 0x7c : 0x6a],
    and: [is64 ? 0x83 : 0x71],
    xor,
    constant,
    sub: [is64 ? 0x7d : 0x6b],
    shl: [is64 ? 0x86 : 0x74],
    shrU,
    fromI32: is64 ? [0xad] : [],
    sigma: (local, rotations, shift) =>
      joined(xor, [
        ...rotations.map(n => code(get(local), constant(n), rotr)),
        ...(shift === undefined ? [] : [code(get(local), constant(shift), shrU)]),
      ]),
  }
}

/** 128 bits per local. There is no rotation: a word turned by n is the xor of two shifts. */
function simd(wordBytes: 4 | 8): Lanes {
  const bits = wordBytes * 8
  const wide = (opcode: number): Code => [0xfd, ...unsigned(opcode)]
  const memory = (opcode: number, align: number, offset: number): Code => [
    wide(opcode),
    align,
    ...unsigned(offset),
  ]
  const [shl, shrU, add] = wordBytes === 8 ? [0xcb, 0xcd, 0xce] : [0xab, 0xad, 0xae]
  const xor = wide(0x51)
  const shifted = (local: number, opcode: number, n: number) => code(get(local), i32.const(n), wide(opcode))
  return {
    count: wordBytes === 8 ? 2 : 4,
    type: V128,
    load: offset => memory(0x00, 4, offset),
    store: offset => memory(0x0b, 4, offset),
    loadShared: offset => (wordBytes === 8 ? memory(0x0a, 3, offset) : memory(0x09, 2, offset)),
    add: wide(add),
    and: wide(0x4e),
    xor,
    sigma: (local, rotations, shift) =>
      joined(xor, [
        ...rotations.map(n => shifted(local, shrU, n)),
        ...rotations.map(n => shifted(local, shl, bits - n)),
        ...(shift === undefined ? [] : [shifted(local, shrU, shift)]),
      ]),
  }
}

/** `(a op b) op (c op d)`: where a SIMD instruction takes two cycles, a chain of them is a tenth slower. */
function joined(operation: Code, operands: readonly Code[]): Code {
  if (operands.length === 1) return operands
  const half = Math.ceil(operands.length / 2)
  return code(joined(operation, operands.slice(0, half)), joined(operation, operands.slice(half)), operation)
}

export const lanes = {
  scalar: { 4: scalar(4), 8: scalar(8) },
  simd: { 4: simd(4), 8: simd(8) },
} as const
