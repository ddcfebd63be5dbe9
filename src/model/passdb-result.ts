// Dovecot's words for what a passdb can say (auth/passdb.h, passdb.c:passdb_result_to_string, 2.3.19 and 2.4.1).

/** What a login can end as. */
export const finalResults = [
  'ok',
  'password_mismatch',
  'user_unknown',
  'user_disabled',
  'pass_expired',
  'scheme_not_available',
  'internal_failure',
] as const

export type FinalResult = (typeof finalResults)[number]

/** What one passdb can say: `next` never leaves the chain. */
export type PassdbResult = FinalResult | 'next'
