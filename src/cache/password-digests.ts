// Remembers passwords that were right as keyed digests, each in a place that can be wiped.

import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Password } from '../model/password.js'

/** What was right: this password for this stored value and these names (DIGEST-MD5 hashes the name too). */
export interface Proof {
  readonly stored: string
  readonly password: Password
  readonly user: string
  readonly originalUser: string
}

const KEY_BYTES = 32
const DIGEST_BYTES = 32
/** A character of a string takes no more. */
const MOST_UTF8_BYTES = 3
/** Proofs are put together here, unless they are longer: memory made anew for each would cost as much as the digest. */
const ROOM_BYTES = 1024
const DIGESTS_PER_CHUNK = 1024

/**
 * SHA-512/256 of a random key that never leaves this process, and the proof behind it. It shows half of its state only,
 * so that nobody can go on from a digest (FIPS 180-4, 5.3.6), and needs no HMAC, which takes twice as long here. Without
 * the key a digest tells nothing; with the key (whoever reads our memory has it) a guess costs one SHA-512 and not
 * thousands of rounds.
 */
export class PasswordDigests {
  readonly #key = randomBytes(KEY_BYTES)
  readonly #room = Buffer.alloc(ROOM_BYTES)
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
    // Each text with its length before it: none can look like the border to the next.
    const texts = `${stored.length}:${stored}${user.length}:${user}${originalUser.length}:${originalUser}`
    const secret = password.reveal()
    const most = KEY_BYTES + texts.length * MOST_UTF8_BYTES + secret.length
    const bytes = most <= ROOM_BYTES ? this.#room : Buffer.alloc(most)
    this.#key.copy(bytes)
    let end = KEY_BYTES + bytes.write(texts, KEY_BYTES, 'utf8')
    end += secret.copy(bytes, end)
    const digest = hash('sha512-256', bytes.subarray(0, end), 'buffer')
    bytes.fill(0, 0, end)
    return digest
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
