// argon2 by the package of that name: native code, loaded when the first such hash is met.

import { NotAvailable } from './not-available.js'
import type { Argon2 } from './slow-hash.js'

/** argon2's own names for its kinds. */
const types = { argon2i: 1, argon2id: 2 } as const

/** Computed in threads of the package's own; the caller waits for it before the next hash. */
export async function computeArgon2(hash: Argon2, password: Uint8Array): Promise<Uint8Array> {
  const { hash: argon2 } = await import('argon2').catch(() => {
    throw new NotAvailable('the package argon2 has no build for this platform')
  })
  return argon2(Buffer.from(password), {
    raw: true,
    type: types[hash.kind],
    version: 0x13,
    salt: Buffer.from(hash.salt),
    memoryCost: hash.memoryKiB,
    timeCost: hash.passes,
    parallelism: hash.lanes,
    hashLength: hash.bytes,
  })
}
