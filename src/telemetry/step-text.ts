import type { TraceStep } from '../model/auth-event.js'

/** One passdb's part in an answer, for a log: `local:ok`, and with the cache's part in it `local:ok/hit`. */
export const stepText = ({ passdb, result, cache }: TraceStep): string =>
  cache === 'none' ? `${passdb}:${result}` : `${passdb}:${result}/${cache}`
