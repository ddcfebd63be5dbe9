// One attempt to replace a weak hash → one log line. It holds no hash.

import type { Logger } from './logger.js'

/** What auth/strengthen-password.ts tells. */
export interface StrengthenReport {
  readonly passdb: string
  readonly user: string
  readonly outcome: 'replaced' | 'changed_meanwhile' | 'not_made' | 'failed'
  readonly reason?: string
  readonly cause?: unknown
}

/** Trouble is a warning: the user is logged in, and their hash stays as weak as it was. */
export function createStrengthenReport(log: Logger): (report: StrengthenReport) => void {
  return ({ passdb, user, outcome, reason, cause }) => {
    const level = outcome === 'failed' || outcome === 'not_made' ? 'warn' : 'info'
    log[level](
      { user, passdb, ...(reason !== undefined && { reason }), ...(cause !== undefined && { cause }) },
      `rehash: ${outcome}`,
    )
  }
}
