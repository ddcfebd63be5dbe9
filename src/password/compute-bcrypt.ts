// bcrypt by the package bcryptjs, loaded when the first such hash is met; what it does not do by crypt(3).

import { isUtf8 } from 'node:buffer'
import { platformCrypt } from './compute-platform-crypt.js'
import type { Bcrypt } from './slow-hash.js'

const DIGEST_CHARACTERS = 31

/**
 * The digest as it is written. The package takes text and hashes its UTF-8 form, so that other bytes cannot be given to
 * it; nor does it know `$2x$`.
 */
export async function computeBcrypt(
  { minor, cost, salt }: Bcrypt,
  password: Uint8Array,
): Promise<Uint8Array> {
  const setting = `$2${minor}$${String(cost).padStart(2, '0')}$${Buffer.from(salt).toString('latin1')}`
  const hash =
    minor !== 'x' && isUtf8(password)
      ? await byPackage(setting, password)
      : await platformCrypt.compute('bcrypt', Buffer.from(setting, 'latin1'), password)
  return Buffer.from(hash.subarray(-DIGEST_CHARACTERS))
}

async function byPackage(setting: string, password: Uint8Array): Promise<Buffer> {
  const { hashSync } = await import('bcryptjs')
  return Buffer.from(hashSync(Buffer.from(password).toString('utf8'), setting), 'latin1')
}
