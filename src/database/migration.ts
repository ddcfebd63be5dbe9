// What a migration is: a plan made from the tables as they stand.

import type { Dialect } from './sql-database.js'

/** A column as the database describes it. */
export interface ColumnDescription {
  readonly name: string
  /** As in DDL: `varchar(64)`, `int(11)`, `TEXT`. */
  readonly type: string
  readonly isNullable: boolean
  /** As in DDL (`143`, `'starttls'`, `current_timestamp()`); undefined: none, or NULL. */
  readonly defaultValue: string | undefined
  /** The most characters it holds; undefined when that is not limited, or it holds no text. */
  readonly maxLength: number | undefined
  readonly collation: string | undefined
  readonly comment: string
}

export interface TableDescription {
  readonly isView: boolean
  /** By lower-case name. */
  readonly columns: ReadonlyMap<string, ColumnDescription>
  /** Columns of which an index exists that finds names whatever their case (SQLite only). */
  readonly caselessIndexes: ReadonlySet<string>
}

/** The tables as they stand. */
export interface Tables {
  readonly dialect: Dialect
  /** undefined: there is no such table. */
  describe(table: string): Promise<TableDescription | undefined>
}

/** One statement. Whole or not at all: MySQL has no transactions for DDL, but each of its statements is one. */
export interface MigrationStep {
  /** For the operator: `create table proxy_users`. */
  readonly what: string
  readonly sql: string
}

export interface MigrationPlan {
  readonly steps: readonly MigrationStep[]
  /** What stays as it is although it is not as we would make it, and what that means. */
  readonly notes: readonly string[]
}

export interface Migration {
  /** Sorts in the order of application, and never changes: the database remembers it. */
  readonly id: string
  /**
   * What is missing, seen from the tables as they stand. Planned again after a failure it holds only what is still
   * to do. No step drops or rewrites a row.
   */
  plan(tables: Tables): Promise<MigrationPlan>
}
