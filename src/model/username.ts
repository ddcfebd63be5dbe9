// Which characters a login name may have and what it is looked up as: Dovecot's auth_username_* rules.

/** What the rules made of a name: the name to look up, or why nobody can have it. */
export type NormalisedUsername = { readonly user: string } | { readonly refused: string }

export interface UsernameRules {
  /** For a name that a client sent (auth-request-fields.c:auth_request_fix_username, 2.3.19). */
  normalise(name: string): NormalisedUsername
  /** For a name that a database stores: case and form only, so that it can be compared with the above. */
  normaliseStored(name: string): string
}
