// What was changed, which copies of the program run, and what they answered: so that caches learn of changes.

import type { Migration, MigrationStep, Tables } from '../src/database/migration.js'

type Dialect = Tables['dialect']

/** Names are compared by their bytes: they are login names already, made by the login rules. */
const tables: Readonly<Record<string, Readonly<Record<Dialect, string>>>> = {
  homing_changes: {
    mysql: `
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
      made TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
      account_table VARCHAR(190) NOT NULL,
      username VARCHAR(1024) NOT NULL,
      kind VARCHAR(16) NOT NULL`,
    // AUTOINCREMENT: an id never comes back, even if the newest rows are deleted.
    sqlite: `
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      made TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
      account_table TEXT NOT NULL,
      username TEXT NOT NULL,
      kind TEXT NOT NULL`,
  },
  homing_copies: {
    mysql: `
      name VARCHAR(190) NOT NULL PRIMARY KEY,
      seen BIGINT NOT NULL`,
    sqlite: `
      name TEXT NOT NULL PRIMARY KEY,
      seen INTEGER NOT NULL`,
  },
  homing_answers: {
    mysql: `
      request BIGINT UNSIGNED NOT NULL,
      copy VARCHAR(190) NOT NULL,
      answer TEXT NOT NULL,
      PRIMARY KEY (request, copy)`,
    sqlite: `
      request INTEGER NOT NULL,
      copy TEXT NOT NULL,
      answer TEXT NOT NULL,
      PRIMARY KEY (request, copy)`,
  },
}

const options: Readonly<Record<Dialect, string>> = {
  mysql: ' ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin',
  sqlite: '',
}

export const changesAndCopies: Migration = {
  id: '0002-changes-and-copies',
  async plan(database) {
    const steps: MigrationStep[] = []
    for (const [name, columns] of Object.entries(tables)) {
      if (await database.describe(name)) continue
      const { dialect } = database
      const sql = `CREATE TABLE ${name} (${columns[dialect].replace(/\s+/g, ' ').trim()})${options[dialect]}`
      steps.push({ what: `create table ${name}`, sql })
    }
    return { steps, notes: [] }
  },
}
