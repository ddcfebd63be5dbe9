// How far an import has come, written in the transaction of the accounts themselves: so it is never wrong.

import { sql, type Transaction } from 'kysely'
import type { Schema } from './schema.js'
import type { SqlDatabase } from './sql-database.js'

/** The last line of this source that is committed; 0: none, or it was finished. Rejects with a DatabaseError. */
export async function lastImportedLine(database: SqlDatabase, source: string): Promise<number> {
  const query = sql<{ line: number }>`select line from homing_imports where source = ${source}`
  const [row] = await database.read('look up the import', query.compile(database.builder))
  return Number(row?.line ?? 0)
}

/** Notes that all lines up to this one are done. */
export async function noteImportedLine(
  transaction: Transaction<Schema>,
  source: string,
  line: number,
): Promise<void> {
  await forgetImport(transaction, source)
  await sql`insert into homing_imports (source, line) values (${source}, ${line})`.execute(transaction)
}

/** The import is finished: the same file may be imported anew. */
export async function forgetImport(transaction: Transaction<Schema>, source: string): Promise<void> {
  await sql`delete from homing_imports where source = ${source}`.execute(transaction)
}
