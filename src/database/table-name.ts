// A table's name as settings give it.

import { type RawBuilder, sql } from 'kysely'

/** `table` or `database.table`. */
export function tableParts(table: string): { schema?: string; name: string } {
  const dot = table.indexOf('.')
  return dot < 0 ? { name: table } : { schema: table.slice(0, dot), name: table.slice(dot + 1) }
}

/** The table's name, quoted. */
export function tableReference(table: string): RawBuilder<unknown> {
  const { schema, name } = tableParts(table)
  return schema === undefined ? sql.id(name) : sql.id(schema, name)
}
