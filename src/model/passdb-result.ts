// Dovecot's words for what a passdb can say (auth/passdb.h, passdb.c:passdb_result_to_string, 2.3.19 and 2.4.1).

export type PassdbResult =
  | 'ok'
  | 'next'
  | 'password_mismatch'
  | 'user_unknown'
  | 'user_disabled'
  | 'pass_expired'
  | 'scheme_not_available'
  | 'internal_failure'

/** What a login can end as: `next` never leaves the chain. */
export type FinalResult = Exclude<PassdbResult, 'next'>
