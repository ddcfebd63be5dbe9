// A passdb's place in a chain, where a test says only what is not ordinary about it.

import type { ChainedPassdb } from '../../../src/auth/chained-passdb.js'

/** Asked of every user; who is not found or gives a wrong password is asked for in the next one. */
export const ordinaryPassdb: Omit<ChainedPassdb, 'name' | 'passdb'> = {
  master: false,
  deny: false,
  skip: 'never',
  resultSuccess: 'return-ok',
  resultFailure: 'continue',
  resultInternalfail: 'return-fail',
  defaultFields: [],
  overrideFields: [],
  defaultPasswordScheme: 'PLAIN',
}

/** The last one of a chain: who is not found here is not let in. */
export const lastPassdb: Omit<ChainedPassdb, 'name' | 'passdb'> = {
  ...ordinaryPassdb,
  resultFailure: 'return-fail',
}
