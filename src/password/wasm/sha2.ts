// SHA-256 and SHA-512 as numbers: FIPS 180-4 gives both the same shape with other widths and rotations.

export interface Sha2 {
  readonly name: 'sha256' | 'sha512'
  readonly wordBytes: 4 | 8
  readonly blockBytes: 64 | 128
  readonly digestBytes: 32 | 64
  readonly rounds: 64 | 80
  /** Σ0 and Σ1: three rotations to the right. */
  readonly bigSigma: readonly [Triple, Triple]
  /** σ0 and σ1: two rotations and one shift to the right. */
  readonly smallSigma: readonly [Triple, Triple]
  readonly roundConstants: readonly bigint[]
  readonly initialState: readonly bigint[]
}

export type Triple = readonly [number, number, number]

const primes = firstPrimes(80)

/** The first 64 bits behind the point of the n-th root of each prime: FIPS 180-4, 4.2.3 and 5.3.5. */
const fractions = (count: number, degree: 2n | 3n): bigint[] =>
  primes.slice(0, count).map(prime => integerRoot(prime << (64n * degree), degree) & 0xffffffffffffffffn)

const roundConstants = fractions(80, 3n)
const initialState = fractions(8, 2n)

export const sha512: Sha2 = {
  name: 'sha512',
  wordBytes: 8,
  blockBytes: 128,
  digestBytes: 64,
  rounds: 80,
  bigSigma: [
    [28, 34, 39],
    [14, 18, 41],
  ],
  smallSigma: [
    [1, 8, 7],
    [19, 61, 6],
  ],
  roundConstants,
  initialState,
}

/** Its constants are the upper halves of SHA-512's. */
export const sha256: Sha2 = {
  name: 'sha256',
  wordBytes: 4,
  blockBytes: 64,
  digestBytes: 32,
  rounds: 64,
  bigSigma: [
    [2, 13, 22],
    [6, 11, 25],
  ],
  smallSigma: [
    [7, 18, 3],
    [17, 19, 10],
  ],
  roundConstants: roundConstants.slice(0, 64).map(k => k >> 32n),
  initialState: initialState.map(h => h >> 32n),
}

function firstPrimes(count: number): bigint[] {
  const found: bigint[] = []
  for (let n = 2n; found.length < count; n++) {
    if (found.every(prime => n % prime !== 0n)) found.push(n)
  }
  return found
}

/** The greatest whole number whose power is not above `value`. */
function integerRoot(value: bigint, degree: bigint): bigint {
  let low = 0n
  let high = 1n << 80n
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** degree <= value) low = middle
    else high = middle
  }
  return low
}
