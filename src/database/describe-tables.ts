// Describes tables in both dialects alike, for migrations and for the adoption report.

import { type Kysely, sql } from 'kysely'
import type { ColumnDescription, TableDescription, Tables } from './migration.js'
import type { Schema } from './schema.js'
import type { Dialect } from './sql-database.js'

export function tablesOf(dialect: Dialect, connection: Kysely<Schema>): Tables {
  const describe = dialect === 'mysql' ? describeMysql : describeSqlite
  return { dialect, describe: table => describe(connection, table) }
}

interface MysqlColumn {
  readonly name: string
  readonly type: string
  readonly nullable: string
  readonly dflt: string | null
  readonly length: number | null
  readonly collation: string | null
  readonly comment: string
  readonly kind: string
}

async function describeMysql(
  connection: Kysely<Schema>,
  table: string,
): Promise<TableDescription | undefined> {
  const { rows } = await sql<MysqlColumn>`
    select c.column_name as name, c.column_type as type, c.is_nullable as nullable, c.column_default as dflt,
      c.character_maximum_length as length, c.collation_name as collation, c.column_comment as comment,
      t.table_type as kind
    from information_schema.columns c
    join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
    where c.table_schema = database() and c.table_name = ${table}`.execute(connection)
  if (rows.length === 0) return undefined
  const isMariadb = await speaksMariadb(connection)
  return {
    isView: rows.some(row => row.kind !== 'BASE TABLE'),
    columns: new Map(rows.map(row => [row.name.toLowerCase(), mysqlColumn(row, isMariadb)])),
    caselessIndexes: new Set(),
  }
}

/** MariaDB writes a default as DDL does; MySQL writes the bare value. */
async function speaksMariadb(connection: Kysely<Schema>): Promise<boolean> {
  const { rows } = await sql<{ version: string }>`select version() as version`.execute(connection)
  return /mariadb/i.test(rows[0]?.version ?? '')
}

function mysqlColumn(row: MysqlColumn, isMariadb: boolean): ColumnDescription {
  const given =
    row.dflt === null || (isMariadb && row.dflt.toUpperCase() === 'NULL') ? undefined : String(row.dflt)
  const isText = row.collation !== null
  return {
    name: row.name,
    type: row.type,
    isNullable: row.nullable === 'YES',
    defaultValue: given === undefined || isMariadb || !isText ? given : `'${given.replaceAll("'", "''")}'`,
    maxLength: isText && row.length !== null ? Number(row.length) : undefined,
    collation: row.collation ?? undefined,
    comment: row.comment,
  }
}

async function describeSqlite(
  connection: Kysely<Schema>,
  table: string,
): Promise<TableDescription | undefined> {
  const kind = await sql<{ type: string }>`
    select type from sqlite_master where name = ${table} collate nocase and type in ('table', 'view')`.execute(
    connection,
  )
  if (kind.rows.length === 0) return undefined
  const columns = await sql<{ name: string; type: string; notnull: number; dflt_value: string | null }>`
    select name, type, "notnull", dflt_value from pragma_table_info(${table})`.execute(connection)
  const indexes = await sql<{ name: string; coll: string; keyOf: string }>`
    select x.name as name, x.coll as coll, l.name as keyOf
    from pragma_index_list(${table}) l, pragma_index_xinfo(l.name) x where x.seqno = 0 and x.key = 1`.execute(
    connection,
  )
  return {
    isView: kind.rows[0]?.type === 'view',
    columns: new Map(
      columns.rows.map(row => [
        row.name.toLowerCase(),
        {
          name: row.name,
          type: row.type,
          isNullable: row.notnull === 0,
          defaultValue: row.dflt_value ?? undefined,
          maxLength: undefined,
          collation: undefined,
          comment: '',
        },
      ]),
    ),
    caselessIndexes: new Set(
      indexes.rows.filter(row => row.coll.toUpperCase() === 'NOCASE').map(row => row.name.toLowerCase()),
    ),
  }
}
