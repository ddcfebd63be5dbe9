// Which copies of the program run with a cache, what they were asked, and what each answered.

import { sql } from 'kysely'
import type { RequestKind } from './change-log.js'
import { nowMs, recordRequest } from './record-change.js'
import type { SqlDatabase } from './sql-database.js'

export interface CopyAnswer {
  readonly request: number
  readonly copy: string
  readonly answer: string
}

/** Everything rejects with a DatabaseError, or because the tables are missing. */
export interface Copies {
  /** This copy runs; to be said every BEAT_MS. */
  beat(copy: string): Promise<void>
  /** This copy ends: nobody need wait for it. */
  leave(copy: string): Promise<void>
  /** The copies that ran within the last LIVE_MS, by name. */
  live(): Promise<readonly string[]>
  /** Asks all copies; one request for each mask, their ids. No mask: one request about everybody. */
  ask(kind: RequestKind, masks: readonly string[]): Promise<readonly number[]>
  answer(answers: readonly CopyAnswer[]): Promise<void>
  answers(requests: readonly number[]): Promise<readonly CopyAnswer[]>
}

export const BEAT_MS = 10_000
export const LIVE_MS = 30_000

export function openCopies(open: () => Promise<SqlDatabase>): Copies {
  return {
    beat: async copy => {
      const database = await open()
      const now = nowMs(database.dialect)
      const again = database.dialect === 'mysql' ? sql`on duplicate key` : sql`on conflict (name) do`
      const set = database.dialect === 'mysql' ? sql`update` : sql`update set`
      await database.transaction('say that this copy runs', async transaction => {
        await sql`insert into homing_copies (name, seen) values (${copy}, ${now}) ${again} ${set} seen = ${now}`.execute(
          transaction,
        )
      })
    },
    leave: async copy => {
      const database = await open()
      await database.transaction('say that this copy ends', async transaction => {
        await sql`delete from homing_copies where name = ${copy}`.execute(transaction)
      })
    },
    live: async () => {
      const database = await open()
      const query = sql<{ name: unknown }>`
        select name from homing_copies where seen > ${nowMs(database.dialect)} - ${sql.lit(LIVE_MS)} order by name`
      const rows = await database.read('list copies', query.compile(database.builder))
      return rows.map(({ name }) => String(name))
    },
    ask: async (kind, masks) => {
      const database = await open()
      return database.transaction('ask the copies', async transaction => {
        const ids: number[] = []
        for (const mask of masks.length === 0 ? [''] : masks) {
          ids.push(await recordRequest(transaction, kind, mask))
        }
        return ids
      })
    },
    answer: async answers => {
      const database = await open()
      const rows = answers.map(({ request, copy, answer }) => sql`(${request}, ${copy}, ${answer})`)
      await database.transaction('answer a request', async transaction => {
        await sql`insert into homing_answers (request, copy, answer) values ${sql.join(rows)}`.execute(
          transaction,
        )
      })
    },
    answers: async requests => {
      const database = await open()
      const query = sql<{ request: unknown; copy: unknown; answer: unknown }>`
        select request, copy, answer from homing_answers where request in (${sql.join(requests)})`
      const rows = await database.read('read the answers of copies', query.compile(database.builder))
      return rows.map(row => ({
        request: Number(row.request),
        copy: String(row.copy),
        answer: String(row.answer),
      }))
    },
  }
}
