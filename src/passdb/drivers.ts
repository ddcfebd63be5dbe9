// The passdb drivers: one line each.

import type { TObject } from 'typebox'
import type { PassdbDriver } from './passdb-driver.js'
import { sql } from './sql.js'

export const passdbDrivers = { sql } satisfies Record<string, PassdbDriver<TObject>>
