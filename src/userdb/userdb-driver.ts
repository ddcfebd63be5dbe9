// What a userdb driver is: the settings it understands, and how it opens.

import type { Static, TObject } from 'typebox'
import type { DriverDeps } from '../database/driver-deps.js'
import type { Userdb } from '../model/userdb.js'

export interface UserdbDriver<S extends TObject = TObject> {
  readonly options: S
  /** As PassdbDriver.open. */
  open(options: Static<S>, deps: DriverDeps): Promise<Userdb>
}
