// On which terms an account is written: only if nobody else was quicker, once however often it is asked, and written down.

import { createHash } from 'node:crypto'
import { sql, type Transaction } from 'kysely'
import type { ColumnValue } from './column-value.js'
import type { Schema } from './schema.js'

export interface WriteTerms {
  /** Only while the account is of this version, as Account has it; else the outcome is `conflict`. */
  readonly ifVersion?: string
  /**
   * A request with this key is done once: asked again it gets the outcome that it had. Another request with the same key
   * is `key_reused`. `request` is any text that is the same for the same request.
   */
  readonly once?: { readonly key: string; readonly request: string }
}

export type TermsOutcome = 'conflict' | 'key_reused'

/** A key is remembered for a day at least. */
const REMEMBERED_MS = 86_400_000
const FORGOTTEN_AT_ONCE = 100

/** What this request came to: now, or when it was done before. Whoever comes second waits for the first. */
export async function doOnce<O extends string>(
  transaction: Transaction<Schema>,
  { once }: WriteTerms,
  run: () => Promise<O>,
): Promise<{ readonly outcome: O | 'key_reused'; readonly isRepeated: boolean }> {
  if (once === undefined) return { outcome: await run(), isRepeated: false }
  const request = createHash('sha256').update(once.request).digest('hex')
  const { rows } = await sql<{ request: string; outcome: string }>`
    select request, outcome from homing_requests where request_key = ${once.key}`.execute(transaction)
  const [before] = rows
  if (before) {
    // It was an outcome of this very run function: the request is the same to the letter.
    const outcome = before.request === request ? (before.outcome as O) : 'key_reused'
    return { outcome, isRepeated: true }
  }
  const now = Date.now()
  await sql`delete from homing_requests where request_key in (select request_key from (
    select request_key from homing_requests where made < ${now - REMEMBERED_MS} limit ${sql.lit(FORGOTTEN_AT_ONCE)}) old)`.execute(
    transaction,
  )
  // Before the work: two at the same moment must not both do it.
  await sql`insert into homing_requests (request_key, request, outcome, made)
    values (${once.key}, ${request}, '', ${now})`.execute(transaction)
  const outcome = await run()
  await sql`update homing_requests set outcome = ${outcome} where request_key = ${once.key}`.execute(
    transaction,
  )
  return { outcome, isRepeated: false }
}

export interface AuditRow {
  /** `cli root`, `api 192.0.2.1`. */
  readonly by: string
  readonly action: 'add' | 'set' | 'delete' | 'import'
  readonly table: string
  readonly user: string
  /** Names of columns; never what was in them. */
  readonly columns: readonly string[]
}

/** In the transaction of the change itself: what is not written down does not happen. */
export async function audit(transaction: Transaction<Schema>, row: AuditRow): Promise<void> {
  await sql`insert into homing_audit (actor, action, account_table, username, changed)
    values (${row.by.slice(0, LONGEST_ACTOR)}, ${row.action}, ${row.table}, ${row.user}, ${row.columns.join(' ')})`.execute(
    transaction,
  )
}

const LONGEST_ACTOR = 190

/** Changes with every value of the row, and tells none of them. */
export function versionOf(values: readonly (readonly [column: string, value: ColumnValue])[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 32)
}
