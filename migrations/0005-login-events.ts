// Who logged in or tried to, for as long as login_events_retention says; and when each user last did.

import type { Migration, MigrationStep, Tables } from '../src/database/migration.js'

type Dialect = Tables['dialect']

// Names are compared by their letters: they are what login names are after the auth_username_* rules.
const name = { mysql: 'VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', sqlite: 'TEXT' }
const word = { mysql: 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin', sqlite: 'TEXT' }
/** `2001:db8:1234::/48`, too. */
const address = word
/** Seconds since 1970. */
const time = { mysql: 'BIGINT NOT NULL', sqlite: 'INTEGER NOT NULL' }
const id = {
  mysql: 'BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY',
  sqlite: 'INTEGER PRIMARY KEY AUTOINCREMENT',
}

const options = { mysql: ' ENGINE=InnoDB', sqlite: '' }
const withoutRowid = { mysql: ' ENGINE=InnoDB', sqlite: ' WITHOUT ROWID' }

const tables: Readonly<Record<string, (dialect: Dialect) => readonly string[]>> = {
  homing_login_events: dialect => [
    `CREATE TABLE homing_login_events (id ${id[dialect]}, at ${time[dialect]}, username ${name[dialect]} NOT NULL, ` +
      `result ${word[dialect]} NOT NULL, protocol ${word[dialect]} NOT NULL, mechanism ${word[dialect]}, ` +
      `remote_ip ${address[dialect]}, master_user ${name[dialect]}, session ${word[dialect]}` +
      (dialect === 'mysql'
        ? ', KEY homing_login_events_at (at), KEY homing_login_events_user (username, at)'
        : '') +
      `)${options[dialect]}`,
    ...(dialect === 'sqlite'
      ? [
          'CREATE INDEX homing_login_events_at ON homing_login_events (at)',
          'CREATE INDEX homing_login_events_user ON homing_login_events (username, at)',
        ]
      : []),
  ],
  homing_last_logins: dialect => [
    `CREATE TABLE homing_last_logins (username ${name[dialect]} NOT NULL, protocol ${word[dialect]} NOT NULL, ` +
      `at ${time[dialect]}, remote_ip ${address[dialect]}, PRIMARY KEY (username, protocol))${withoutRowid[dialect]}`,
  ],
}

export const loginEvents: Migration = {
  id: '0005-login-events',
  async plan(database) {
    const steps: MigrationStep[] = []
    for (const [table, statements] of Object.entries(tables)) {
      if (await database.describe(table)) continue
      for (const sql of statements(database.dialect)) steps.push({ what: whatOf(sql), sql })
    }
    return { steps, notes: [] }
  },
}

/** `create table homing_login_events` */
function whatOf(sql: string): string {
  const [, what = '', name = ''] = /^CREATE (TABLE|INDEX) (\w+)/.exec(sql) ?? []
  return `create ${what.toLowerCase()} ${name}`
}
