import { type AccountDesk, createAccountDesk } from '../accounts/account-desk.js'
import type { AccountKind } from '../accounts/account-kinds.js'
import { databaseUrlOf } from '../config/database-urls.js'
import type { HomingConfig } from '../config/program-schema.js'
import type { Engine } from '../engine.js'
import { createUsernameRules } from '../model/username.js'

/** The accounts of a kind where the chain's own passdb has them. `by`: who changes them, for the audit. */
export function deskOf(engine: Engine, config: HomingConfig, kind: AccountKind, by: string): AccountDesk {
  const rules = createUsernameRules(config.settings)
  const database = engine.databases.open(databaseUrlOf(config, kind.table))
  const accounts = database.accounts(kind.table, rules.normaliseStored, by)
  // Whoever writes accounts takes turns with those who log in, as one user among them.
  return createAccountDesk(kind, rules, accounts, (hash, password) =>
    engine.verifier.compute(hash, password, { user: by }),
  )
}
