// The password of an account that is being written: a hash that was made elsewhere, or a clear one that is hashed here.

import { type Call, CommandError, type CommandOptions } from './command.js'
import { exitCode } from './exit-code.js'
import { DEFAULT_SCHEME, hashPassword } from './hash-password.js'
import { passwordOptions, readPassword } from './read-password.js'

export const accountPasswordOptions: CommandOptions = {
  ...passwordOptions,
  'password-hash': {
    type: 'string',
    value: 'HASH',
    description: 'a stored password as it is, with its {SCHEME}: from doveadm pw, or from the old database',
  },
  scheme: {
    type: 'string',
    value: 'SCHEME',
    description: 'how a clear password is hashed (default: SHA512-CRYPT)',
  },
}

/** The value to store. */
export async function readNewPassword(
  call: Call,
  user: string,
  { needsSlowHash = false }: { readonly needsSlowHash?: boolean } = {},
): Promise<string> {
  const given = call.text('password-hash')
  const stored =
    given !== undefined
      ? await checkedHash(given)
      : await hashPassword(call.text('scheme') ?? DEFAULT_SCHEME, await readPassword(call, { isNew: true }), {
          user,
        })
  if (needsSlowHash) await refuseFast(stored)
  return stored
}

async function refuseFast(stored: string): Promise<void> {
  const { tooFastToGuess } = await import('../password/hash-strength.js')
  const fault = tooFastToGuess(stored)
  if (fault !== undefined) {
    throw new CommandError(exitCode.badData, `${fault}; take SHA512-CRYPT, BLF-CRYPT or ARGON2ID`)
  }
}

/** A hash that could never be compared would lock its user out at the next login. */
async function checkedHash(hash: string): Promise<string> {
  if (!hash.startsWith('{')) {
    throw new CommandError(exitCode.badData, 'the hash has no {SCHEME}: {SHA512-CRYPT}$6$…, {BLF-CRYPT}$2y$…')
  }
  const { whyUnreadable } = await import('../password/hash-strength.js')
  const reason = whyUnreadable(hash)
  if (reason !== undefined) throw new CommandError(exitCode.badData, `the hash cannot be used: ${reason}`)
  return hash
}
