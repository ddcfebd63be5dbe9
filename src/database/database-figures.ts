// How a database is doing: what was asked of it, and who waits for its connections.

import type { PoolFigures, SqlDatabase } from './sql-database.js'

/** Since the start. */
export interface StatementFigures {
  readonly done: number
  readonly failed: number
  readonly seconds: number
}

export interface DatabaseFigures {
  readonly read: StatementFigures
  readonly write: StatementFigures
  /** Absent where there are no hosts to connect to, and before the first connection. */
  readonly pool?: PoolFigures
}

/** Counts what is asked; the figures outlive a database that is opened again. */
export function createStatementCounts() {
  const counts = { read: { done: 0, failed: 0, seconds: 0 }, write: { done: 0, failed: 0, seconds: 0 } }
  const counted = async <T>(kind: keyof typeof counts, work: Promise<T>): Promise<T> => {
    const startedAt = performance.now()
    const count = counts[kind]
    try {
      const result = await work
      count.done++
      return result
    } catch (cause) {
      count.failed++
      throw cause
    } finally {
      count.seconds += (performance.now() - startedAt) / 1000
    }
  }
  type FirstNow = NonNullable<SqlDatabase['firstNow']>
  const countedNow =
    (firstNow: FirstNow): FirstNow =>
    query => {
      const startedAt = performance.now()
      const first = firstNow(query)
      if (first === undefined) return undefined
      counts.read.done++
      counts.read.seconds += (performance.now() - startedAt) / 1000
      return first
    }
  return {
    counts,
    watch: (database: SqlDatabase): SqlDatabase => ({
      ...database,
      ...(database.firstNow && { firstNow: countedNow(database.firstNow) }),
      read: (statement, query, options) => counted('read', database.read(statement, query, options)),
      transaction: (statement, run) => counted('write', database.transaction(statement, run)),
    }),
  }
}
