// The traditional crypt(3): a block of zeros enciphered 25 times with a DES whose expansion the salt disturbs.
//
// Written here because node:crypto's DES takes no salt, and what is stored since 1979 must still let its owner in.

import { alphabet } from './crypt-base64.js'

const S_BOXES = [
  'e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d',
  'f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9',
  'a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c',
  '7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e',
  '2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453',
  'c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d',
  '4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c',
  'd2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b',
]

// Permutations as FIPS 46 prints them: the first bit is the most significant and has number 1.
const P = '16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25'
const PC1_LEFT = '57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36'
const PC1_RIGHT = '63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4'
const PC2_LEFT = '14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2'
const PC2_RIGHT = '41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32'
const KEY_SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]

const positions = (text: string): number[] => text.split(' ').map(number => Number(number) - 1)

/** The numbered bits, most significant first. */
const pick = (bits: readonly number[], which: readonly number[]): number[] => which.map(i => bits[i] ?? 0)

const toNumber = (bits: readonly number[]): number => bits.reduce((value, bit) => value * 2 + bit, 0)

const bitsOf = (value: number, width: number): number[] =>
  Array.from({ length: width }, (_, i) => (value >>> (width - 1 - i)) & 1)

/** Each S-box with the permutation behind it: six bits in, 32 bits out. */
const substitutions: readonly Int32Array[] = S_BOXES.map((box, group) =>
  Int32Array.from({ length: 64 }, (_, six) => {
    const row = ((six >> 4) & 2) | (six & 1)
    const digit = Number.parseInt(box.charAt(row * 16 + ((six >> 1) & 15)), 16)
    return toNumber(pick(bitsOf(digit << (28 - 4 * group), 32), positions(P))) | 0
  }),
)

interface RoundKey {
  readonly left: number
  readonly right: number
}

/** The block of eight bytes. Of the password the first eight characters count, seven bits of each. */
export function computeDesCrypt(password: Uint8Array, salt: Uint8Array): Buffer {
  const keys = roundKeys(password)
  const swapped = saltMask(salt)
  let left = 0
  let right = 0
  for (let n = 0; n < 25; n++) {
    for (const key of keys) {
      const next = left ^ cipherFunction(right, key, swapped)
      left = right
      right = next
    }
    ;[left, right] = [right, left]
  }
  return finalPermutation(left, right)
}

function roundKeys(password: Uint8Array): RoundKey[] {
  const bits = Array.from({ length: 8 }, (_, i) => bitsOf(((password[i] ?? 0) << 1) & 0xff, 8)).flat()
  let c = pick(bits, positions(PC1_LEFT))
  let d = pick(bits, positions(PC1_RIGHT))
  return KEY_SHIFTS.map(shift => {
    c = [...c.slice(shift), ...c.slice(0, shift)]
    d = [...d.slice(shift), ...d.slice(0, shift)]
    const both = [...c, ...d]
    return {
      left: toNumber(pick(both, positions(PC2_LEFT))),
      right: toNumber(pick(both, positions(PC2_RIGHT))),
    }
  })
}

/** Each of the salt's twelve bits exchanges a bit of the expansion's left half with the same of its right. */
function saltMask(salt: Uint8Array): number {
  const value = alphabetIndex(salt[0]) | (alphabetIndex(salt[1]) << 6)
  return toNumber(bitsOf(value, 12).reverse()) << 12
}

function cipherFunction(half: number, key: RoundKey, swapped: number): number {
  let left = 0
  let right = 0
  for (let group = 0; group < 4; group++) {
    left = (left << 6) | sixBits(half, group)
    right = (right << 6) | sixBits(half, group + 4)
  }
  const exchanged = (left ^ right) & swapped
  left ^= exchanged ^ key.left
  right ^= exchanged ^ key.right
  let result = 0
  for (let group = 0; group < 4; group++) {
    const shift = 18 - 6 * group
    result ^= substitutions[group]?.[(left >> shift) & 63] ?? 0
    result ^= substitutions[group + 4]?.[(right >> shift) & 63] ?? 0
  }
  return result
}

/** Four bits of the half and their two neighbours. */
function sixBits(half: number, group: number): number {
  const turn = (4 * group + 5) & 31
  return ((half << turn) | (half >>> (32 - turn))) & 63
}

/** The inverse of DES's initial permutation: bit 8k + j comes from the other half's bit 7 - k, in turn. */
function finalPermutation(left: number, right: number): Buffer {
  const bits = [...bitsOf(left, 32), ...bitsOf(right, 32)]
  const order = Array.from({ length: 64 }, (_, i) => {
    const row = 7 - (i >> 3)
    const column = i & 7
    return (column & 1 ? 0 : 32) + 8 * (column >> 1) + row
  })
  const permuted = pick(bits, order)
  return Buffer.from(Array.from({ length: 8 }, (_, i) => toNumber(permuted.slice(8 * i, 8 * i + 8))))
}

const alphabetIndex = (byte = 0): number => alphabet.indexOf(String.fromCharCode(byte))
