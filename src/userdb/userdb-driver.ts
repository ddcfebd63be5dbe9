// What a userdb driver is: the settings it understands, and how it opens.

import type { Static, TObject } from 'typebox'
import type { AccountSources } from '../database/open-database.js'
import type { Userdb } from '../model/userdb.js'
import type { UsernameRules } from '../model/username.js'

export interface UserdbDeps {
  readonly databases: AccountSources
  readonly usernameRules: UsernameRules
  readonly name: string
  readonly defaultDatabaseUrl: string
  readonly warn: (message: string) => void
}

export interface UserdbDriver<S extends TObject = TObject> {
  readonly options: S
  /** As PassdbDriver.open. */
  open(options: Static<S>, deps: UserdbDeps): Promise<Userdb>
}
