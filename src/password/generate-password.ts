// New stored passwords: for the CLI, the admin API and strengthening at login.

import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { hasIllegalCharacters, type Password } from '../model/password.js'
import { computeHashes } from './compute-hashes.js'
import type { HashOutcome } from './hash-task.js'
import type { GenerateOptions, Generation } from './password-scheme.js'
import { findScheme } from './schemes.js'
import type { SlowHash } from './slow-hash.js'
import { encodingOf, formatStoredPassword } from './stored-password.js'

export interface GeneratePasswordOptions extends Partial<GenerateOptions> {
  /** Where slow hashes are computed. Default: in this thread, which is right for a command and wrong for a service. */
  readonly compute?: (hash: SlowHash, password: Buffer) => Promise<HashOutcome>
}

/** `isBusy`: nothing is wrong with what was asked, but it was not computed this time. */
export type GeneratedPassword =
  | { readonly stored: string }
  | { readonly refused: string; readonly isBusy?: true }

/**
 * `{SCHEME}text`, as `doveadm pw -s SCHEME` would make it; the scheme's name may end in `.HEX`, `.B64`, `.BASE64`.
 * Refused when there is no such scheme, when Homing does not make new values of it, and for a password that the value
 * would never open: whoever is told that it was set must be able to log in.
 */
export async function generatePassword(
  schemeName: string,
  password: Password,
  options: GeneratePasswordOptions = {},
): Promise<GeneratedPassword> {
  const [name = '', suffix] = schemeName.split('.', 2)
  const scheme = findScheme(name)
  const encoding = suffix === undefined ? scheme?.encoding : encodingOf(suffix)
  if (!scheme || !encoding) return { refused: `unknown password scheme ${schemeName}` }
  if (!scheme.generate) return { refused: `no new passwords are made with ${schemeName}` }
  if (hasIllegalCharacters(password)) {
    return { refused: 'no login can have a password with a tab, a line break, a NUL or a CTRL-A in it' }
  }
  const { compute = computeHere, ...rest } = options
  const generation = scheme.generate(password.reveal(), { randomBytes, ...rest })
  if (generation.kind === 'impossible') return { refused: generation.reason }
  const raw = generation.kind === 'cheap' ? generation.raw : await rawOf(generation, password, compute)
  if ('refused' in raw) return raw
  if (encoding === 'none' && !isUtf8(raw)) {
    const upper = name.toUpperCase()
    return { refused: `${upper} keeps the password as text, and this one is not UTF-8: take ${upper}.B64` }
  }
  return { stored: formatStoredPassword(schemeName.toUpperCase(), encoding, raw) }
}

type Compute = NonNullable<GeneratePasswordOptions['compute']>

async function rawOf(
  { hash, raw }: Extract<Generation, { kind: 'slow' }>,
  password: Password,
  compute: Compute,
): Promise<Buffer | Exclude<GeneratedPassword, { stored: string }>> {
  const outcome = await compute(hash, password.reveal())
  if ('notAvailable' in outcome) return { refused: outcome.notAvailable }
  if ('unavailable' in outcome) return { refused: outcome.unavailable, isBusy: true }
  return raw(outcome.digest)
}

async function computeHere(hash: SlowHash, password: Buffer): Promise<HashOutcome> {
  const [digest] = await computeHashes([hash], [password])
  return { digest: Buffer.from(digest ?? []) }
}
