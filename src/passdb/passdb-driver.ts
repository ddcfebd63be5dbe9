// What a passdb driver is: the settings it understands, and how it opens.

import type { Static, TObject } from 'typebox'
import type { AccountSources } from '../database/open-database.js'
import type { Passdb } from '../model/passdb.js'
import type { UsernameRules } from '../model/username.js'

/** What a driver may ask for when it opens. */
export interface PassdbDeps {
  readonly databases: AccountSources
  readonly usernameRules: UsernameRules
  /** The passdb's name, for messages. */
  readonly name: string
  /** The database that is used when the passdb names none. */
  readonly defaultDatabaseUrl: string
  /** Tells the operator of something that works but should not stay so. */
  readonly warn: (message: string) => void
}

export interface PassdbDriver<S extends TObject = TObject> {
  readonly options: S
  /**
   * Makes the passdb ready. A database that is down does not stop it: the service starts and answers
   * internal_failure until the database is back. Throws ConfigError for settings that can never work.
   */
  open(options: Static<S>, deps: PassdbDeps): Promise<Passdb>
}
