// A userdb and its place in the chain: Dovecot's `userdb { }` block without its driver's own settings.

import type { Userdb } from '../model/userdb.js'
import type { LinkRules } from './chained-passdb.js'
import type { LinkFields } from './field-templates.js'

export const userdbSkips = ['never', 'found', 'notfound'] as const

/** When the link is passed over; `found` means that an earlier link has found the user. */
export type UserdbSkip = (typeof userdbSkips)[number]

/** struct auth_userdb (auth/auth.h, 2.3.19). */
export interface ChainedUserdb extends Omit<LinkRules, 'deny'>, LinkFields {
  /** For logs and traces. */
  readonly name: string
  readonly userdb: Userdb
  readonly skip: UserdbSkip
}
