// What computes sha-crypt's digest: the same interface whether WebAssembly or node:crypto does the work.

export type ShaCryptHash = 'sha256' | 'sha512'

/** SHA512-CRYPT or SHA256-CRYPT of one password; all bytes as they are hashed. */
export interface ShaCryptInput {
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly rounds: number
}

/** Lets others have the core for a moment. */
export type Breathe = () => void

/**
 * Rounds from one breath to the next: a multiple of 42, after which the order of what is hashed begins anew. Two lanes of
 * SHA-512 take some 0.4 ms for them.
 */
export const ROUNDS_PER_BREATH = 420

export interface ShaCryptEngine {
  /** For the log: `wasm`, `wasm-paired`, `wasm-simd`, `node:crypto`. */
  readonly name: string
  /** How many inputs one call of `digests` may have. */
  readonly lanes: number
  /**
   * One digest per input, before crypt's own base64. The inputs have one shape (`shaCryptShape`), passwords and
   * salts of no more than `PASSWORD_MAX` and `SALT_MAX` bytes. `breathe` is called about every half of a millisecond, where
   * the engine takes long.
   */
  digests(inputs: readonly ShaCryptInput[], breathe?: Breathe): Buffer[]
}

/** libxcrypt refuses phrases of 512 bytes and more (CRYPT_MAX_PASSPHRASE_SIZE). */
export const PASSWORD_MAX = 511
export const SALT_MAX = 16

/**
 * Inputs of the same shape can share a pass: they do as many rounds, and each round's message has as many blocks.
 * It follows from lengths only.
 */
export function shaCryptShape(
  hash: ShaCryptHash,
  rounds: number,
  passwordBytes: number,
  saltBytes: number,
): string {
  const blocks = [0, saltBytes, passwordBytes, saltBytes + passwordBytes].map(more =>
    blocksOf(hash, digestBytes[hash] + passwordBytes + more),
  )
  return `${hash} ${rounds} ${blocks.join(' ')}`
}

const digestBytes = { sha256: 32, sha512: 64 } as const

const blocksOf = (hash: ShaCryptHash, bytes: number): number =>
  hash === 'sha512' ? Math.ceil((bytes + 17) / 128) : Math.ceil((bytes + 9) / 64)
