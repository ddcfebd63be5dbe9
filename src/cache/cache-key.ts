// Which questions are one and the same: those alone that cannot have different answers.

import type { AuthRequest } from '../model/auth-request.js'
import type { CacheKeyPart } from '../model/passdb.js'

/** `P`: a passdb; `U`: a userdb; with its name. Dovecot's letters (passdb-cache.c, userdb.c). */
export interface CacheSource {
  readonly kind: 'P' | 'U'
  readonly name: string
}

/**
 * The key of a question. User, master user and source always count; `parts` says what else the answer depends on.
 * The user stands first, so that a flush can find its entries.
 */
export function cacheKey(source: CacheSource, request: AuthRequest, parts: readonly CacheKeyPart[]): string {
  const texts = [request.user, request.masterUser, source.kind, source.name]
  for (const part of parts) texts.push(textOf(request[part]))
  return joinParts(texts)
}

/** The user of a key that cacheKey made. */
export function userOfKey(key: string): string {
  const colon = key.indexOf(':')
  return key.slice(colon + 1, colon + 1 + Number(key.slice(0, colon)))
}

function textOf(value: string | number | boolean | undefined): string | undefined {
  return value === undefined ? undefined : String(value)
}

/**
 * Each part with its length before it: no text in one part can look like the border to the next. Absent is not empty.
 * Joined, not added up: a string that was added up keeps its pieces in memory.
 */
function joinParts(parts: readonly (string | undefined)[]): string {
  return parts.map(part => (part === undefined ? '-' : `${part.length}:${part}`)).join('')
}
