// Which questions are one and the same: those alone that cannot have different answers.

import type { AuthRequest } from '../model/auth-request.js'
import type { CacheKeyPart } from '../model/passdb.js'

/** `P`: a passdb; `U`: a userdb; with its name. Dovecot's letters (passdb-cache.c, userdb.c). */
export interface CacheSource {
  readonly kind: 'P' | 'U'
  readonly name: string
}

/** Two questions are the same when both texts are. */
export interface CacheKey {
  /** Apart, so that all that is known of one user is found together. */
  readonly user: string
  /** The same for most users. */
  readonly rest: string
}

/**
 * The key of a question. User, master user and source always count; `parts` says what else the answer depends on. Each
 * text stands with its length before it: none can look like the border to the next. Absent is not empty.
 */
export function cacheKey(
  { kind, name }: CacheSource,
  request: AuthRequest,
  parts: readonly CacheKeyPart[],
): CacheKey {
  let rest = `${kind}${name.length}:${name}${withLength(request.masterUser)}`
  for (const part of parts) rest += withLength(textOf(request[part]))
  return { user: request.user, rest }
}

function textOf(value: string | number | boolean | undefined): string | undefined {
  return value === undefined || typeof value === 'string' ? value : String(value)
}

function withLength(text: string | undefined): string {
  return text === undefined ? '-' : `${text.length}:${text}`
}
