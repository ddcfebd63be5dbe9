// The passdb drivers: one line each.

import type { TObject } from 'typebox'
import type { PassdbDriver } from './passdb-driver.js'
import { passwdFile } from './passwd-file.js'
import { sql } from './sql.js'
import { staticDriver } from './static.js'

export const passdbDrivers = {
  sql,
  static: staticDriver,
  'passwd-file': passwdFile,
} satisfies Record<string, PassdbDriver<TObject>>
