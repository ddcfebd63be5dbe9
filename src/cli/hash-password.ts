// Makes a stored password of a clear one.

import type { Password } from '../model/password.js'
import { CommandError } from './command.js'
import { exitCode } from './exit-code.js'

export const DEFAULT_SCHEME = 'SHA512-CRYPT'

/** `{SCHEME}…`, or a CommandError that says why not. */
export async function hashPassword(
  scheme: string,
  password: Password,
  options: { readonly rounds?: number; readonly user?: string } = {},
): Promise<string> {
  const { generatePassword } = await import('../password/generate-password.js')
  const made = await generatePassword(scheme, password, options)
  if ('refused' in made) {
    const { findScheme } = await import('../password/schemes.js')
    const isMade = findScheme(scheme.split('.', 1)[0] ?? '')?.generate !== undefined
    throw new CommandError(exitCode.badData, made.refused + (isMade ? '' : ' (homing pw -l lists them)'))
  }
  return made.stored
}
