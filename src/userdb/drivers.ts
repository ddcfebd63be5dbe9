// The userdb drivers: one line each.

import type { TObject } from 'typebox'
import { passwdFile } from './passwd-file.js'
import { sql } from './sql.js'
import { staticDriver } from './static.js'
import type { UserdbDriver } from './userdb-driver.js'

export const userdbDrivers = {
  sql,
  static: staticDriver,
  'passwd-file': passwdFile,
} satisfies Record<string, UserdbDriver<TObject>>
