// Which users have logged in from which networks lately: as hashes of both together, neither a name nor an address.

import type { Migration } from '../src/database/migration.js'

const create = {
  mysql:
    'CREATE TABLE homing_policy_known (pair BIGINT NOT NULL PRIMARY KEY, seen BIGINT NOT NULL, ' +
    'KEY homing_policy_known_seen (seen)) ENGINE=InnoDB',
  sqlite: 'CREATE TABLE homing_policy_known (pair INTEGER PRIMARY KEY, seen INTEGER NOT NULL)',
}
const index = 'CREATE INDEX IF NOT EXISTS homing_policy_known_seen ON homing_policy_known (seen)'

export const knownPairs: Migration = {
  id: '0008-known-pairs',
  async plan(database) {
    const table = { what: 'create table homing_policy_known', sql: create[database.dialect] }
    const bySeen = { what: 'index seen of homing_policy_known', sql: index }
    const isThere = (await database.describe('homing_policy_known')) !== undefined
    return {
      steps: [...(isThere ? [] : [table]), ...(database.dialect === 'sqlite' ? [bySeen] : [])],
      notes: [],
    }
  },
}
