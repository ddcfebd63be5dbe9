// How far a master user's power goes, and the audit of every use of it.

import type { Migration, MigrationStep, Tables } from '../src/database/migration.js'

type Dialect = Tables['dialect']

const list = { mysql: 'TEXT NULL', sqlite: 'TEXT' }

/** NULL is unlimited, so that masters of before stay what they were. Text, for a date too: its form is checked at each login. */
const limits: Readonly<Record<string, Readonly<Record<Dialect, string>>>> = {
  domains: list,
  protocols: list,
  allow_nets: list,
  allow_real_nets: list,
  expires: { mysql: 'VARCHAR(64) NULL', sqlite: 'TEXT' },
}

// As in login events: names are compared by their letters, words are ASCII, times are seconds since 1970.
const name = { mysql: 'VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', sqlite: 'TEXT' }
const word = { mysql: 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin', sqlite: 'TEXT' }

const columnsOfUses = (dialect: Dialect): string =>
  [
    dialect === 'mysql'
      ? 'id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY'
      : 'id INTEGER PRIMARY KEY AUTOINCREMENT',
    dialect === 'mysql' ? 'at BIGINT NOT NULL' : 'at INTEGER NOT NULL',
    `master_user ${name[dialect]} NOT NULL`,
    `username ${name[dialect]} NOT NULL`,
    `result ${word[dialect]} NOT NULL`,
    `reason ${name[dialect]}`,
    `verified_by ${word[dialect]} NOT NULL`,
    `protocol ${word[dialect]} NOT NULL`,
    `mechanism ${word[dialect]}`,
    `remote_ip ${word[dialect]}`,
    `real_remote_ip ${word[dialect]}`,
    `session ${word[dialect]}`,
    ...(dialect === 'mysql' ? ['KEY homing_master_uses_at (at)'] : []),
  ].join(', ')

export const masterLimitsAndUses: Migration = {
  id: '0003-master-limits-and-uses',
  async plan(database) {
    const limited = await limitSteps(database)
    return { steps: [...limited.steps, ...(await useSteps(database))], notes: limited.notes }
  },
}

async function limitSteps(database: Tables): Promise<{ steps: MigrationStep[]; notes: string[] }> {
  const { dialect } = database
  const table = await database.describe('master_users')
  // Not there yet: a dry run, in which 0001 has only been planned.
  if (table && !table.columns.has('user_name')) return { steps: [], notes: [] }
  const missing = Object.entries(limits).filter(([column]) => !table?.columns.has(column))
  if (missing.length === 0) return { steps: [], notes: [] }
  const names = missing.map(([column]) => column).join(', ')
  if (table?.isView) {
    const dropped = missing.map(([column]) => `${roles[column] ?? column} = ""`).join(', ')
    const note = `master_users is a view without ${names}: left as it is (the passdb that reads it needs columns = { ${dropped} })`
    return { steps: [], notes: [note] }
  }
  const adding = missing.map(([column, ddl]) => `ADD COLUMN ${column} ${ddl[dialect]}`)
  const statements = dialect === 'mysql' ? [adding.join(', ')] : adding
  return {
    steps: statements.map((change, place) => ({
      what: `add ${dialect === 'mysql' ? names : missing[place]?.[0]} in master_users`,
      sql: `ALTER TABLE master_users ${change}`,
    })),
    notes: [],
  }
}

/** What passdb/account-columns.ts calls these columns, where it has another name for them. */
const roles: Readonly<Record<string, string>> = {
  domains: 'master_domains',
  protocols: 'master_protocols',
  expires: 'master_expires',
}

async function useSteps(database: Tables): Promise<MigrationStep[]> {
  if (await database.describe('homing_master_uses')) return []
  const { dialect } = database
  const create = `CREATE TABLE homing_master_uses (${columnsOfUses(dialect)})${dialect === 'mysql' ? ' ENGINE=InnoDB' : ''}`
  const index: MigrationStep = {
    what: 'create index homing_master_uses_at',
    sql: 'CREATE INDEX homing_master_uses_at ON homing_master_uses (at)',
  }
  return [{ what: 'create table homing_master_uses', sql: create }, ...(dialect === 'sqlite' ? [index] : [])]
}
