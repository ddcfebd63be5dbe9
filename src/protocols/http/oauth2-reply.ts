// An outcome as Dovecot's oauth2 passdb reads it, in both versions. Pure.
//
// Dovecot looks at `active` first, then compares `user` with the login name; 200 with these two says everything
// (db-oauth2.c:db_oauth2_user_is_enabled and db_oauth2_validate_username, 2.3.19 and 2.4.1). Every status but 200
// is an internal failure to it, and a key `error` too.

import type { AuthOutcome } from '../../auth/auth-outcome.js'

const text = { type: 'string' } as const

export const grantReplySchema = {
  type: 'object',
  required: ['access_token', 'token_type', 'active', 'user', 'passdb', 'result'],
  properties: {
    access_token: text,
    token_type: text,
    active: { type: 'boolean' },
    user: text,
    passdb: text,
    result: text,
    reason: text,
  },
} as const

/** Why there is no verdict (RFC 6749, section 5.2); never repeats what was sent. */
export const grantErrorSchema = {
  type: 'object',
  required: ['error'],
  properties: { error: text, error_description: text },
} as const

export interface GrantReply {
  readonly access_token: string
  readonly token_type: string
  readonly active: boolean
  readonly user: string
  readonly passdb: string
  readonly result: string
  readonly reason?: string
}

/** A verdict on the user; for trouble on our side there is no such reply (`isTrouble`). */
export function formatGrant(outcome: AuthOutcome, username: string): GrantReply {
  const { result, reason } = outcome
  return {
    // No token: nothing takes it. Dovecot wants one, and names its own kind.
    access_token: PLACEHOLDER,
    token_type: 'Bearer',
    active: result === 'ok' || result === 'user_unknown',
    user: result === 'user_unknown' ? anotherThan(username) : username,
    passdb: result === 'ok' ? fieldsOf(outcome, username) : '',
    result,
    ...(reason !== undefined && { reason }),
  }
}

/** What stands where a token would. */
export const PLACEHOLDER = '-'

/** Whether the outcome says nothing about the user: 503, which Dovecot reads as a temporary failure. */
export function isTrouble({ result }: Pick<AuthOutcome, 'result'>): boolean {
  return result === 'internal_failure' || result === 'scheme_not_available'
}

/** Never the login name, whatever that is and however its case is changed. */
function anotherThan(username: string): string {
  return `!${username}`
}

/**
 * What `passdb_import` takes: `key=value` pairs with TABs between them (auth-request.c:auth_request_passdb_import). It
 * undoes no escapes, and needs none: the output firewall lets no control character through.
 */
function fieldsOf({ user, fields }: AuthOutcome, username: string): string {
  const pairs = user === username ? [] : [`user=${user}`]
  for (const [name, value] of fields) pairs.push(`${name}=${value}`)
  return pairs.join('\t')
}
