// Who changed which account, and which requests have been done.

import type { Migration, MigrationStep, Tables } from '../src/database/migration.js'

type Dialect = Tables['dialect']

const tables: Readonly<Record<string, Readonly<Record<Dialect, string>>>> = {
  homing_audit: {
    mysql:
      'id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, ' +
      'at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), actor VARCHAR(190) NOT NULL, ' +
      'action VARCHAR(16) NOT NULL, account_table VARCHAR(190) NOT NULL, username VARCHAR(1024) NOT NULL, ' +
      'changed TEXT NOT NULL',
    sqlite:
      "id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')), " +
      'actor TEXT NOT NULL, action TEXT NOT NULL, account_table TEXT NOT NULL, username TEXT NOT NULL, ' +
      'changed TEXT NOT NULL',
  },
  homing_requests: {
    mysql:
      'request_key VARCHAR(190) NOT NULL PRIMARY KEY, request CHAR(64) NOT NULL, outcome VARCHAR(32) NOT NULL, ' +
      'made BIGINT NOT NULL',
    sqlite:
      'request_key TEXT NOT NULL PRIMARY KEY, request TEXT NOT NULL, outcome TEXT NOT NULL, made INTEGER NOT NULL',
  },
}

const options: Readonly<Record<Dialect, string>> = {
  mysql: ' ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin',
  sqlite: '',
}

export const audit: Migration = {
  id: '0007-audit',
  async plan(database) {
    const steps: MigrationStep[] = []
    for (const [name, columns] of Object.entries(tables)) {
      if (await database.describe(name)) continue
      const sql = `CREATE TABLE ${name} (${columns[database.dialect]})${options[database.dialect]}`
      steps.push({ what: `create table ${name}`, sql })
    }
    return { steps, notes: [] }
  },
}
