// Remembers passwords that were right as keyed digests, each in a place that can be wiped.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Password } from '../model/password.js'

/** What was right: this password for this stored value and these names (DIGEST-MD5 hashes the name too). */
export interface Proof {
  readonly stored: string
  readonly password: Password
  readonly user: string
  readonly originalUser: string
}

const DIGEST_BYTES = 32
const DIGESTS_PER_CHUNK = 1024

/**
 * HMAC-SHA-256 with a random key that never leaves this process. Without the key a digest tells nothing; with
 * the key (whoever reads our memory has it) a guess costs one HMAC and not thousands of rounds.
 */
export class PasswordDigests {
  readonly #key = randomBytes(DIGEST_BYTES)
  readonly #chunks: Buffer[] = []
  readonly #free: number[] = []

  /** Keeps the proof's digest; the place to find it again. */
  keep(proof: Proof): number {
    const place = this.#free.pop() ?? this.#grow()
    this.#at(place).set(this.#digest(proof))
    return place
  }

  /** Whether the digest in this place is of this very proof. */
  matches(place: number, proof: Proof): boolean {
    return timingSafeEqual(this.#at(place), this.#digest(proof))
  }

  /** Overwrites the digest; the place is for another one. */
  wipe(place: number): void {
    this.#at(place).fill(0)
    this.#free.push(place)
  }

  #digest({ stored, password, user, originalUser }: Proof): Buffer {
    const hmac = createHmac('sha256', this.#key)
    for (const part of [stored, user, originalUser]) hmac.update(`${Buffer.byteLength(part)}:${part}`)
    return hmac.update(password.reveal()).digest()
  }

  #at(place: number): Buffer {
    const chunk = this.#chunks[Math.floor(place / DIGESTS_PER_CHUNK)]
    if (chunk === undefined) throw new RangeError('no such digest')
    const start = (place % DIGESTS_PER_CHUNK) * DIGEST_BYTES
    return chunk.subarray(start, start + DIGEST_BYTES)
  }

  #grow(): number {
    const first = this.#chunks.length * DIGESTS_PER_CHUNK
    this.#chunks.push(Buffer.alloc(DIGESTS_PER_CHUNK * DIGEST_BYTES))
    for (let place = first + DIGESTS_PER_CHUNK - 1; place > first; place--) this.#free.push(place)
    return first
  }
}
