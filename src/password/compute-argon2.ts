// argon2 by the package of that name: native code, in a process that is started when the first such hash is met.

import { fileURLToPath } from 'node:url'
import { LineProcess } from './line-process.js'
import { NotAvailable } from './not-available.js'
import type { Argon2 } from './slow-hash.js'

/** A line of JSON; bytes in hex. */
export interface Argon2Question extends Omit<Argon2, 'salt'> {
  readonly salt: string
  readonly password: string
}

export type Argon2Answer =
  | { readonly digest: string }
  | { readonly notAvailable: string }
  | { readonly failed: string }

const program = fileURLToPath(new URL('./argon2-program.js', import.meta.url))

/** It has little to compile and nothing to collect: there is one for each thread that has met such a hash. */
export const argon2Process = new LineProcess(process.execPath, ['--v8-pool-size=1', program])

/** The caller waits for it before the next hash. */
export async function computeArgon2(hash: Argon2, password: Uint8Array): Promise<Uint8Array> {
  const question: Argon2Question = { ...hash, salt: hexOf(hash.salt), password: hexOf(password) }
  const answer: Argon2Answer = JSON.parse(await argon2Process.ask(JSON.stringify(question)))
  if ('notAvailable' in answer) throw new NotAvailable(answer.notAvailable)
  if ('failed' in answer) throw new Error(answer.failed)
  return Buffer.from(answer.digest, 'hex')
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
