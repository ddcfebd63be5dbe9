// Opens a driver of the table with what it may ask for.

import type { Static, TObject } from 'typebox'
import type { DriverDeps } from '../../../src/database/driver-deps.js'
import type { AccountSources } from '../../../src/database/open-database.js'
import { createUsernameRules } from '../../../src/model/username.js'
import { memoryDatabases } from './memory-database.js'

export function driverDeps(
  databases: AccountSources = memoryDatabases({}),
  over: Partial<DriverDeps> = {},
): DriverDeps {
  const usernameRules = createUsernameRules({
    auth_username_format: '%Lu',
    auth_default_realm: '',
    auth_username_chars: '',
    auth_username_translation: '',
  })
  return { databases, usernameRules, name: 'test', defaultDatabaseUrl: 'memory:', warn: () => {}, ...over }
}

/** The settings of a driver as load-config makes them: the declared defaults with the given values laid upon them. */
export function withDefaults<S extends TObject>(options: S, given: Partial<Static<S>>): Static<S> {
  const defaults = Object.entries(options.properties).flatMap(([name, property]) => {
    const { homing } = property as unknown as { homing: { default?: unknown } }
    return 'default' in homing ? [[name, homing.default]] : []
  })
  return { ...Object.fromEntries(defaults), ...given } as Static<S>
}
