// bcrypt by the package bcryptjs, loaded when the first such hash is met; what it does not do by crypt(3).

import { platformCrypt } from './compute-platform-crypt.js'
import { type Bcrypt, isComputedOutside } from './slow-hash.js'

const DIGEST_CHARACTERS = 31

/** The digest as it is written. */
export async function computeBcrypt(hash: Bcrypt, password: Uint8Array): Promise<Uint8Array> {
  const { minor, cost, salt } = hash
  const setting = `$2${minor}$${String(cost).padStart(2, '0')}$${Buffer.from(salt).toString('latin1')}`
  const made = isComputedOutside(hash, password)
    ? await platformCrypt.compute('bcrypt', Buffer.from(setting, 'latin1'), password)
    : await byPackage(setting, password)
  return Buffer.from(made.subarray(-DIGEST_CHARACTERS))
}

async function byPackage(setting: string, password: Uint8Array): Promise<Buffer> {
  const { hashSync } = await import('bcryptjs')
  return Buffer.from(hashSync(Buffer.from(password).toString('utf8'), setting), 'latin1')
}
