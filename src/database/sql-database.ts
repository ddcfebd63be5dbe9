// What this folder asks of an open database, whichever dialect it speaks.

import type { CompiledQuery, Kysely, Transaction } from 'kysely'
import type { Schema } from './schema.js'

export type Dialect = 'mysql' | 'sqlite'

export interface SqlDatabase {
  readonly dialect: Dialect
  /** The URL without password. */
  readonly name: string
  /** Builds queries; what runs them is read and transaction. */
  readonly builder: Kysely<Schema>
  /**
   * The rows of a query that changes nothing. Tried once more, on another connection or host, when the first try
   * failed for a reason that another one may not know. Rejects with a DatabaseError within the deadline.
   * `statement` names the query in messages: words, no values.
   */
  read<R>(statement: string, query: CompiledQuery<R>, options?: ReadOptions): Promise<readonly R[]>
  /**
   * The first row at once, where nobody has to be waited for: of an embedded database, most of the time. undefined: ask
   * `read`, which waits, and says what is wrong. Never throws. Absent: never at once.
   */
  readonly firstNow?: <R>(query: CompiledQuery<R>) => { readonly row: R | undefined } | undefined
  /**
   * All of it or nothing. Started again when the server was read-only, or asked for it (deadlock): `run` must bear
   * to be called more than once. Rejects with a DatabaseError; what `run` itself throws comes through.
   */
  transaction<T>(statement: string, run: (transaction: Transaction<Schema>) => Promise<T>): Promise<T>
  /**
   * The rows of a long query that changes nothing, asked beside everything else: no login waits for it. Rejects with a
   * DatabaseError within the deadline.
   */
  report<R>(statement: string, query: CompiledQuery<R>, deadlineMs: number): Promise<readonly R[]>
  /** A connection of its own for long work. With `changesNothing` a file that is missing stays missing. */
  maintenance<T>(options: MaintenanceOptions, run: (connection: Kysely<Schema>) => Promise<T>): Promise<T>
  /**
   * As maintenance, while no other copy of the program does the same; undefined when another one did for longer than
   * the lock's deadline. On SQLite it is one transaction, undone when `run` throws; MySQL has none for DDL.
   */
  exclusively<T>(
    options: MaintenanceOptions & { readonly lockTimeoutMs: number },
    run: (connection: Kysely<Schema>) => Promise<T>,
  ): Promise<T | undefined>
  /** The connections that lookups use; absent where there are none. */
  readonly pool?: () => PoolFigures | undefined
  close(): Promise<void>
}

/** The connections of lookups just now. */
export interface PoolFigures {
  readonly busy: number
  readonly idle: number
  /** Requests that wait for a connection. */
  readonly waiting: number
  readonly hostsUp: number
  readonly hostsDown: number
  /** In the order of the URL. */
  readonly hosts: readonly HostFigures[]
}

export interface HostFigures {
  /** `db1:3306` */
  readonly name: string
  readonly isUp: boolean
  /** false: it refused to write the last time, or is down; true as well where nobody has asked it to. */
  readonly takesWrites: boolean
  /** The driver's word for why it is down. */
  readonly reason?: string
}

export interface ReadOptions {
  /** For pages of a listing: given more time than a login. */
  readonly isListing?: boolean
  /** Whom the rows are about, by normalised login names; whose rows may be older than a change goes into `tooOld`. */
  readonly about?: { readonly names: readonly string[]; readonly tooOld: Set<string> }
  /** Rejects where the host that answers lacks changes that another one has shown. */
  readonly mustBeNewest?: boolean
}

export interface MaintenanceOptions {
  /** MySQL: when a statement counts as unanswered. */
  readonly statementTimeoutMs: number
  readonly changesNothing?: boolean
}

/** How much longer a page of a listing may take than a lookup. */
export const LISTING_FACTOR = 10
