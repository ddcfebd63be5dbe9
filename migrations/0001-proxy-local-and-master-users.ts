// The three tables. Made where they are missing; where they stand, with rows in them, they get what they lack.

import type {
  ColumnDescription,
  Migration,
  MigrationPlan,
  MigrationStep,
  TableDescription,
  Tables,
} from '../src/database/migration.js'

type Dialect = Tables['dialect']

interface Column {
  readonly name: string
  /** In a table that we make. */
  readonly create: Readonly<Record<Dialect, string>>
  /** In a table that stands, whose rows must take it; absent: without this column the table cannot be adopted. */
  readonly add?: Readonly<Record<Dialect, string>>
  /** Text shorter than this is widened. */
  readonly atLeast?: number
  /** This default, a number, is taken away: NULL means something else. */
  readonly withoutDefault?: string
}

interface Table {
  readonly name: string
  readonly columns: readonly Column[]
  readonly key: readonly string[]
}

const both = (ddl: string) => ({ mysql: ddl, sqlite: ddl })

const name = (column: string, length: number): Column => ({
  name: column,
  create: { mysql: `VARCHAR(${length}) NOT NULL`, sqlite: 'TEXT NOT NULL COLLATE NOCASE' },
})
const text = (column: string, mysql = 'VARCHAR(255)'): Column => ({
  name: column,
  create: { mysql: `${mysql} NULL`, sqlite: 'TEXT' },
  add: { mysql: `${mysql} NULL`, sqlite: 'TEXT' },
})
const port = (column: string): Column => ({
  name: column,
  create: {
    mysql: 'SMALLINT UNSIGNED NULL',
    sqlite: `INTEGER CHECK (${column} BETWEEN 1 AND 65535)`,
  },
  add: { mysql: 'SMALLINT UNSIGNED NULL', sqlite: 'INTEGER' },
})

/** 255: `{SHA512-CRYPT}` takes 120, Argon2 and SCRAM more. A hash is compared by its bytes. */
const password: Column = {
  ...text('password', 'VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin'),
  atLeast: 255,
}
const active: Column = {
  name: 'active',
  create: { mysql: 'TINYINT(1) NOT NULL DEFAULT 1', sqlite: 'INTEGER NOT NULL DEFAULT 1' },
  add: { mysql: 'TINYINT(1) NOT NULL DEFAULT 1', sqlite: 'INTEGER NOT NULL DEFAULT 1' },
}
/** Of rows that were there before, nobody knows it. */
const created: Column = {
  name: 'created',
  create: {
    mysql: 'TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP',
    sqlite: 'TEXT DEFAULT CURRENT_TIMESTAMP',
  },
  add: { mysql: 'TIMESTAMP NULL DEFAULT NULL', sqlite: 'TEXT' },
}

const tables: readonly Table[] = [
  {
    name: 'proxy_users',
    key: ['username'],
    columns: [
      name('username', 255),
      { ...text('host'), create: { mysql: 'VARCHAR(255) NOT NULL', sqlite: 'TEXT NOT NULL' } },
      // The guide's DEFAULT 143 sends POP3 and LMTP users to the IMAP port.
      { ...port('port'), withoutDefault: '143' },
      {
        name: 'ssl_mode',
        create: {
          mysql: "ENUM('none', 'starttls', 'ssl') NOT NULL DEFAULT 'starttls'",
          sqlite: "TEXT NOT NULL DEFAULT 'starttls' CHECK (ssl_mode IN ('none', 'starttls', 'ssl'))",
        },
        add: {
          mysql: "ENUM('none', 'starttls', 'ssl') NOT NULL DEFAULT 'starttls'",
          sqlite: "TEXT NOT NULL DEFAULT 'starttls'",
        },
      },
      text('destuser'),
      active,
      created,
      password,
      text('pass'),
      text('master'),
      {
        name: 'any_cert',
        create: { mysql: 'TINYINT(1) NULL', sqlite: 'INTEGER' },
        add: { mysql: 'TINYINT(1) NULL', sqlite: 'INTEGER' },
      },
      port('pop3_port'),
      port('lmtp_port'),
      port('submission_port'),
      port('sieve_port'),
    ],
  },
  {
    name: 'local_users',
    key: ['username'],
    columns: [
      name('username', 255),
      password,
      text('home'),
      text('uid', 'VARCHAR(64)'),
      text('gid', 'VARCHAR(64)'),
      active,
      created,
    ],
  },
  {
    name: 'master_users',
    key: ['user_name', 'domain_name'],
    columns: [
      name('user_name', 80),
      name('domain_name', 255),
      password,
      { name: 'masteradmin', create: active.create, add: both('INTEGER NOT NULL DEFAULT 1') },
    ],
  },
]

export const proxyLocalAndMasterUsers: Migration = {
  id: '0001-proxy-local-and-master-users',
  async plan(database) {
    const plans = await Promise.all(
      tables.map(async table => planTable(database.dialect, table, await database.describe(table.name))),
    )
    return { steps: plans.flatMap(plan => plan.steps), notes: plans.flatMap(plan => plan.notes) }
  },
}

function planTable(dialect: Dialect, table: Table, found: TableDescription | undefined): MigrationPlan {
  if (!found) return { steps: [createTable(dialect, table)], notes: [] }
  if (found.isView) return { steps: [], notes: [`${table.name} is a view: left as it is`] }
  const lacking = table.columns.find(column => !column.add && !found.columns.has(column.name))
  if (lacking) {
    const note = `${table.name} has no column ${lacking.name}: left as it is (the sql driver reads it when "columns" says which is what)`
    return { steps: [], notes: [note] }
  }
  const adopt = dialect === 'mysql' ? adoptMysql : adoptSqlite
  return adopt(table, found)
}

function createTable(dialect: Dialect, table: Table): MigrationStep {
  const lines = table.columns.map(column => `${quote(dialect, column.name)} ${column.create[dialect]}`)
  const key = table.key.map(column => quote(dialect, column)).join(', ')
  // general_ci is the case-insensitive collation that MariaDB 10.11 and MySQL 8 have in common.
  const options =
    dialect === 'mysql'
      ? ' ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci'
      : ' WITHOUT ROWID'
  return {
    what: `create table ${table.name}`,
    sql: `CREATE TABLE ${quote(dialect, table.name)} (${lines.join(', ')}, PRIMARY KEY (${key}))${options}`,
  }
}

function adoptMysql(table: Table, found: TableDescription): MigrationPlan {
  const alter = (what: string, changes: string): MigrationStep => ({
    what: `${what} in ${table.name}`,
    sql: `ALTER TABLE ${quote('mysql', table.name)} ${changes}`,
  })
  const missing = table.columns.filter(column => !found.columns.has(column.name))
  const additions = missing.map(column => `ADD COLUMN ${quote('mysql', column.name)} ${column.add?.mysql}`)
  const steps = table.columns.flatMap(column => {
    const stored = found.columns.get(column.name)
    return stored ? changesOf(column, stored).map(({ what, change }) => alter(what, change)) : []
  })
  const add = alter(`add ${missing.map(column => column.name).join(', ')}`, additions.join(', '))
  return { steps: missing.length > 0 ? [add, ...steps] : steps, notes: [] }
}

function changesOf(column: Column, stored: ColumnDescription): { what: string; change: string }[] {
  const changes: { what: string; change: string }[] = []
  const quoted = quote('mysql', stored.name)
  if (column.atLeast !== undefined && stored.maxLength !== undefined && stored.maxLength < column.atLeast) {
    const type = `VARCHAR(${column.atLeast})${characterSet(stored)}${nullability(stored)}${comment(stored)}`
    changes.push({
      what: `widen ${stored.name} from ${stored.type} to varchar(${column.atLeast})`,
      change: `MODIFY COLUMN ${quoted} ${type}`,
    })
  }
  if (column.withoutDefault !== undefined && stored.defaultValue === column.withoutDefault) {
    // SET DEFAULT NULL, not DROP DEFAULT: without any, strict mode refuses rows that leave it out.
    const change = stored.isNullable
      ? `ALTER COLUMN ${quoted} SET DEFAULT NULL`
      : `MODIFY COLUMN ${quoted} ${stored.type} NULL DEFAULT NULL${comment(stored)}`
    changes.push({ what: `take the default ${stored.defaultValue} from ${stored.name}`, change })
  }
  return changes
}

/** utf8mb4_general_ci belongs to utf8mb4. */
function characterSet({ collation }: ColumnDescription): string {
  return collation ? ` CHARACTER SET ${collation.split('_')[0]} COLLATE ${collation}` : ''
}

function nullability({ isNullable, defaultValue }: ColumnDescription): string {
  const fallback = defaultValue ?? (isNullable ? 'NULL' : undefined)
  return `${isNullable ? ' NULL' : ' NOT NULL'}${fallback === undefined ? '' : ` DEFAULT ${fallback}`}`
}

function comment({ comment }: ColumnDescription): string {
  return comment === '' ? '' : ` COMMENT '${comment.replaceAll("'", "''")}'`
}

function adoptSqlite(table: Table, found: TableDescription): MigrationPlan {
  const additions = table.columns
    .filter(column => !found.columns.has(column.name))
    .map(column => ({
      what: `add ${column.name} in ${table.name}`,
      sql: `ALTER TABLE ${quote('sqlite', table.name)} ADD COLUMN ${quote('sqlite', column.name)} ${column.add?.sqlite}`,
    }))
  const [first = ''] = table.key
  const key = table.key.map(column => `${quote('sqlite', column)} COLLATE NOCASE`).join(', ')
  const index = {
    what: `index ${table.key.join(', ')} of ${table.name} whatever their case`,
    sql: `CREATE INDEX IF NOT EXISTS ${quote('sqlite', `homing_${table.name}_caseless`)} ON ${quote('sqlite', table.name)} (${key})`,
  }
  const notes = table.columns
    .filter(
      ({ withoutDefault, name }) =>
        withoutDefault && found.columns.get(name)?.defaultValue === withoutDefault,
    )
    .map(
      column =>
        `${table.name}.${column.name} keeps its default ${column.withoutDefault}: SQLite cannot take it away`,
    )
  return { steps: found.caselessIndexes.has(first) ? additions : [...additions, index], notes }
}

function quote(dialect: Dialect, identifier: string): string {
  const mark = dialect === 'mysql' ? '`' : '"'
  return mark + identifier.replaceAll(mark, mark + mark) + mark
}
