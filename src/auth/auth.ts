// The engine's four questions. Protocols ask them and nothing else.

import type { IncomingRequest } from '../model/auth-request.js'
import type { Password } from '../model/password.js'
import type { AuthOutcome, UserdbOutcome } from './auth-outcome.js'

export type { IncomingRequest }

/** Dovecot's `struct auth`: who is this, may they log in, where is their mail. Nothing here throws for a "no". */
export interface Auth {
  /** May this user log in with this password, and where to? */
  authenticate(request: IncomingRequest, password: Password): Promise<AuthOutcome>
  /** The same without a password: for LMTP, doveadm and mechanisms that Dovecot computes itself. */
  lookupPassdb(request: IncomingRequest): Promise<AuthOutcome>
  /** uid, gid, home and further fields. */
  lookupUserdb(request: IncomingRequest): Promise<UserdbOutcome>
  /** All users that match the mask, each once. Throws when the listing breaks off. */
  listUsers(mask: string): AsyncIterable<string>
}
