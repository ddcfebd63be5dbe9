// Whom the policy always lets in, and whom never.

import type { Migration } from '../src/database/migration.js'

const create = {
  mysql:
    "create table homing_policy_lists (list ENUM('allow', 'block') NOT NULL, " +
    "network VARCHAR(64) CHARACTER SET ascii NOT NULL DEFAULT '', " +
    "login VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '', " +
    "reason VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '', expires BIGINT NULL, " +
    'created TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (list, network, login)) ENGINE=InnoDB',
  sqlite:
    "create table homing_policy_lists (list TEXT NOT NULL CHECK (list IN ('allow', 'block')), " +
    "network TEXT NOT NULL DEFAULT '', login TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', " +
    'expires INTEGER, created TEXT DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (list, network, login))',
}

export const policyLists: Migration = {
  id: '0004-policy-lists',
  async plan(database) {
    if (await database.describe('homing_policy_lists')) return { steps: [], notes: [] }
    return { steps: [{ what: 'create table homing_policy_lists', sql: create[database.dialect] }], notes: [] }
  },
}
