// Brings a database to this version of the program, one copy at a time.

import { CompiledQuery, type Kysely, sql } from 'kysely'
import { migrations as ours } from '../../migrations/index.js'
import { type DatabaseError, toDatabaseError } from './database-error.js'
import { tablesOf } from './describe-tables.js'
import type { Migration, MigrationStep } from './migration.js'
import type { Schema } from './schema.js'
import type { SqlDatabase } from './sql-database.js'

export type MigrationOutcome =
  /** `steps` were taken, or would be by a run that is not dry; none: the database is at this version. */
  | { readonly result: 'done'; readonly steps: readonly MigrationStep[]; readonly notes: readonly string[] }
  /** The database has seen migrations that this program does not know. Nothing was changed. */
  | { readonly result: 'newer'; readonly unknown: readonly string[] }
  /** Another copy was migrating for longer than we wait. Nothing was changed. */
  | { readonly result: 'locked' }
  /**
   * `step` did not work, or (absent) the database could not be asked. What `steps` says was done stays done on
   * MySQL and is undone on SQLite; the next run does what is missing.
   */
  | {
      readonly result: 'failed'
      readonly migration?: string
      readonly step?: string
      readonly steps: readonly MigrationStep[]
      readonly cause: DatabaseError
    }

export interface MigrateOptions {
  /** Says what would be done and changes nothing. */
  readonly dryRun?: boolean
  /** How long to wait for another copy that migrates just now. */
  readonly lockTimeoutMs?: number
  /** For tests: another history than migrations/index.ts. */
  readonly migrations?: readonly Migration[]
}

const LOCK_TIMEOUT_MS = 60_000
/** A step that rebuilds a big table takes its time. */
const STEP_TIMEOUT_MS = 3_600_000

export async function migrate(
  database: SqlDatabase,
  options: MigrateOptions = {},
): Promise<MigrationOutcome> {
  const progress: Progress = { steps: [], notes: [] }
  const migrations = options.migrations ?? ours
  const lockTimeoutMs = options.lockTimeoutMs ?? LOCK_TIMEOUT_MS
  try {
    if (options.dryRun) {
      return await database.maintenance(
        { statementTimeoutMs: STEP_TIMEOUT_MS, changesNothing: true },
        connection => plan(database, connection, migrations),
      )
    }
    const outcome = await database.exclusively(
      { lockTimeoutMs, statementTimeoutMs: STEP_TIMEOUT_MS },
      connection => apply(database, connection, migrations, progress),
    )
    return outcome ?? { result: 'locked' }
  } catch (cause) {
    const { migration, step, steps } = progress
    const error = toDatabaseError(cause, step ?? 'migrate', database.name)
    return { result: 'failed', ...(migration && { migration }), ...(step && { step }), steps, cause: error }
  }
}

/** Where a run has come to: what to report when it breaks off. */
interface Progress {
  migration?: string | undefined
  step?: string | undefined
  readonly steps: MigrationStep[]
  readonly notes: string[]
}

async function plan(
  database: SqlDatabase,
  connection: Kysely<Schema>,
  migrations: readonly Migration[],
): Promise<MigrationOutcome> {
  const state = await pendingOf(database, connection, migrations)
  if (state.unknown.length > 0) return { result: 'newer', unknown: state.unknown }
  const tables = tablesOf(database.dialect, connection)
  const plans = await inOrder(state.pending, migration => migration.plan(tables))
  return {
    result: 'done',
    steps: plans.flatMap(plan => plan.steps),
    notes: plans.flatMap(plan => plan.notes),
  }
}

async function apply(
  database: SqlDatabase,
  connection: Kysely<Schema>,
  migrations: readonly Migration[],
  progress: Progress,
): Promise<MigrationOutcome> {
  const { unknown, pending } = await pendingOf(database, connection, migrations)
  if (unknown.length > 0) return { result: 'newer', unknown }
  const tables = tablesOf(database.dialect, connection)
  for (const migration of pending) {
    progress.migration = migration.id
    const { steps, notes } = await migration.plan(tables)
    for (const step of steps) {
      progress.step = step.what
      await connection.executeQuery(CompiledQuery.raw(step.sql))
      progress.steps.push(step)
    }
    progress.step = 'remember that it was applied'
    await remember(database, connection, migration.id)
    progress.step = undefined
    progress.notes.push(...notes)
  }
  return { result: 'done', steps: progress.steps, notes: progress.notes }
}

/** The history table is made by the first migration that is remembered in it. */
async function remember({ dialect }: SqlDatabase, connection: Kysely<Schema>, id: string): Promise<void> {
  const engine = dialect === 'mysql' ? sql` engine = InnoDB` : sql``
  await sql`create table if not exists homing_migrations
    (id varchar(190) not null primary key, applied timestamp not null default current_timestamp)${engine}`.execute(
    connection,
  )
  await connection.insertInto('homing_migrations').values({ id }).execute()
}

async function pendingOf(
  database: SqlDatabase,
  connection: Kysely<Schema>,
  migrations: readonly Migration[],
) {
  const history = await tablesOf(database.dialect, connection).describe('homing_migrations')
  const rows = history
    ? await connection.selectFrom('homing_migrations').select('id').orderBy('id').execute()
    : []
  const applied = new Set(rows.map(row => row.id))
  const known = new Set(migrations.map(migration => migration.id))
  return {
    unknown: [...applied].filter(id => !known.has(id)),
    pending: migrations.filter(migration => !applied.has(migration.id)),
  }
}

async function inOrder<T, R>(items: readonly T[], each: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await each(item))
  return results
}
