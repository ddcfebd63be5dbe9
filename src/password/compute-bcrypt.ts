// bcrypt by the package bcryptjs, loaded when the first such hash is met.

import { isUtf8 } from 'node:buffer'
import { NotAvailable } from './not-available.js'
import type { Bcrypt } from './slow-hash.js'

const DIGEST_CHARACTERS = 31

/** The digest as it is written. The package takes text and hashes its UTF-8 form: other bytes it cannot be given. */
export async function computeBcrypt(
  { minor, cost, salt }: Bcrypt,
  password: Uint8Array,
): Promise<Uint8Array> {
  if (!isUtf8(password)) throw new NotAvailable('BLF-CRYPT of a password that is not UTF-8')
  const { hashSync } = await import('bcryptjs')
  const setting = `$2${minor}$${String(cost).padStart(2, '0')}$${Buffer.from(salt).toString('latin1')}`
  const hash = hashSync(Buffer.from(password).toString('utf8'), setting)
  return Buffer.from(hash.slice(-DIGEST_CHARACTERS), 'latin1')
}
