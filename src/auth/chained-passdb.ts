// A passdb and its place in the chain: Dovecot's `passdb { }` block without its driver's own settings.

import type { FieldSetting } from '../model/extra-fields.js'
import type { Passdb } from '../model/passdb.js'
import type { LinkFields } from './field-templates.js'

export const skips = ['never', 'authenticated', 'unauthenticated'] as const

/** When the link is passed over; `authenticated` means that an earlier link has verified the password. */
export type Skip = (typeof skips)[number]

export const resultRules = [
  'return-ok',
  'return-fail',
  'return',
  'continue-ok',
  'continue-fail',
  'continue',
] as const

/** What a link's result does to the chain; the words are Dovecot's. */
export type ResultRule = (typeof resultRules)[number]

/** What decides what a reply does to the chain; Dovecot's defaults are return-ok, continue, continue, no. */
export interface LinkRules {
  readonly resultSuccess: ResultRule
  readonly resultFailure: ResultRule
  readonly resultInternalfail: ResultRule
  /** Whoever is found here is refused; only `user_unknown` gets past. */
  readonly deny: boolean
  /**
   * Not Dovecot's: whoever is found here belongs here. A wrong password, an unknown scheme or a refusing field then
   * end the chain whatever `resultFailure` says: a proxied user gets no local mailbox by another password.
   */
  readonly foundIsFinal?: boolean
  readonly defaultFields: readonly FieldSetting[]
  readonly overrideFields: readonly FieldSetting[]
}

/** struct auth_passdb (auth/auth.h, 2.3.19). */
export interface ChainedPassdb extends LinkRules, LinkFields {
  /** For logs and traces. */
  readonly name: string
  readonly passdb: Passdb
  /** Asked only for the master user of a master login, never for the user. */
  readonly master: boolean
  readonly skip: Skip
  /** Made by `mechanismSet`; absent: every mechanism, and lookups too. */
  readonly mechanisms?: ReadonlySet<string>
  /** Patterns as `acceptsUsername` reads them; absent or empty: every user. */
  readonly usernameFilter?: readonly string[]
  /** The scheme of a stored password that names none. */
  readonly defaultPasswordScheme: string
}

const LOOKUP = 'LOOKUP'
const lookupWords = ['NONE', LOOKUP] // 2.3's word, 2.4's word

/**
 * The `mechanisms` setting in the form that `acceptsMechanism` reads: any case, `none` or `lookup` for lookups.
 * A lone `none` means what it says; 2.3.19 makes an empty list of it, which skips the passdb for lookups too.
 */
export function mechanismSet(words: readonly string[]): ReadonlySet<string> {
  return new Set(
    words.map(word => word.toUpperCase()).map(word => (lookupWords.includes(word) ? LOOKUP : word)),
  )
}

/** Whether the setting lets a login with this mechanism, or (without one) a lookup, ask the link. */
export function acceptsMechanism(
  mechanisms: ReadonlySet<string> | undefined,
  mechanism: string | undefined,
): boolean {
  return mechanisms === undefined || mechanisms.has(mechanism ?? LOOKUP)
}

/** What a password was sent by where nobody says it: a question with a password is never a lookup. */
export const PLAIN = 'PLAIN'
