// What a passdb or userdb driver may ask for when it opens.

import type { UsernameRules } from '../model/username.js'
import type { AccountSources } from './open-database.js'

export interface DriverDeps {
  readonly databases: AccountSources
  readonly usernameRules: UsernameRules
  /** That of the passdb or userdb, for messages. */
  readonly name: string
  /** The database that is used when the settings name none. */
  readonly defaultDatabaseUrl: string
  /** Tells the operator of something that works but should not stay so. */
  readonly warn: (message: string) => void
}
