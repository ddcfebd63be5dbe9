// What the engine asks of a user database: where is this user's mail, and as whom is it read?

import type { AuthRequest } from './auth-request.js'
import type { ExtraFields } from './extra-fields.js'
import type { CacheKeyPart } from './passdb.js'

/** Dovecot's three words (auth/userdb.h). */
export type UserdbResult = 'ok' | 'user_unknown' | 'internal_failure'

export type UserdbLookup =
  | { readonly result: 'ok'; readonly fields: ExtraFields }
  | {
      readonly result: 'user_unknown' | 'internal_failure'
      readonly reason?: string
      readonly cause?: unknown
    }

export interface Userdb {
  readonly driver: string
  /**
   * It would know any name. Outside a login the engine asks the passdbs whether the user exists before it
   * believes it (auth/userdb-static.c without allow_all_users, 2.3.19).
   */
  readonly knowsEveryName?: boolean
  /** What its answer depends on besides the user and the master user, as for a passdb. Absent: never cached. */
  readonly cacheKey?: readonly CacheKeyPart[]
  /** Finds uid, gid, home and further fields. A database that does not answer is `internal_failure`. */
  lookup(request: AuthRequest, signal?: AbortSignal): Promise<UserdbLookup>
  /**
   * All users that match the mask (`*` and `?`), each once, in bounded memory; absent when this userdb
   * cannot list. Throws when the listing breaks off: half a list must never look like a whole one.
   */
  list?(mask: string): AsyncIterable<string>
}
