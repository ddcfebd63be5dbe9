// What a passdb driver is: the settings it understands, and how it opens.

import type { Static, TObject } from 'typebox'
import type { DriverDeps } from '../database/driver-deps.js'
import type { Passdb } from '../model/passdb.js'

export interface PassdbDriver<S extends TObject = TObject> {
  readonly options: S
  /**
   * Makes the passdb ready. A database that is down does not stop it: the service starts and answers
   * internal_failure until the database is back. Throws ConfigError for settings that can never work.
   */
  open(options: Static<S>, deps: DriverDeps): Promise<Passdb>
}
