// How far an import that was broken off has come.

import type { Migration } from '../src/database/migration.js'

const create = {
  mysql:
    'create table homing_imports (source VARCHAR(64) CHARACTER SET ascii NOT NULL PRIMARY KEY, ' +
    'line BIGINT NOT NULL, updated TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP) ENGINE=InnoDB',
  sqlite:
    'create table homing_imports (source TEXT NOT NULL PRIMARY KEY, line INTEGER NOT NULL, ' +
    'updated TEXT DEFAULT CURRENT_TIMESTAMP)',
}

export const imports: Migration = {
  id: '0006-imports',
  async plan(database) {
    if (await database.describe('homing_imports')) return { steps: [], notes: [] }
    return { steps: [{ what: 'create table homing_imports', sql: create[database.dialect] }], notes: [] }
  },
}
