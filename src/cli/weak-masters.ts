// Master users whose passwords are too fast to guess: stored by others, or long ago. New ones are refused.

import type { HomingConfig } from '../config/program-schema.js'
import { DatabaseError } from '../database/database-error.js'
import type { Databases } from '../database/open-database.js'
import { tooFastToGuess } from '../password/hash-strength.js'
import { withDefaultScheme } from '../password/stored-password.js'
import { auditedTables } from './audited-tables.js'

export interface WeakMaster {
  readonly table: string
  readonly user: string
  /** Half a sentence; holds nothing of what is stored. */
  readonly fault: string
}

/** At most `limit` of them. A table that cannot be read has none: whoever logs in hears of that. */
export async function findWeakMasters(
  config: HomingConfig,
  databases: Databases,
  limit: number,
): Promise<readonly WeakMaster[]> {
  const found: WeakMaster[] = []
  for (const { table, accounts, defaultScheme, isMaster } of auditedTables(config, databases)) {
    if (!isMaster) continue
    try {
      for await (const { user, stored } of accounts.passwords()) {
        const fault = stored === '' ? undefined : tooFastToGuess(withDefaultScheme(stored, defaultScheme))
        if (fault !== undefined) found.push({ table, user, fault })
        if (found.length === limit) return found
      }
    } catch (cause) {
      if (!(cause instanceof DatabaseError)) throw cause
    }
  }
  return found
}
