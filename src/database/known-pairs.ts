// Which pairs of user and network are known to the policy, as hashes: nobody is named here.

import { sql } from 'kysely'
import type { SqlDatabase } from './sql-database.js'

export interface KnownPair {
  /** A whole number below 2^53. */
  readonly pair: number
  /** Seconds since 1970. */
  readonly seen: number
}

/** Everything rejects with a DatabaseError. */
export interface KnownPairTable {
  /** Those that were seen at this time or later, in pages. */
  since(unixSeconds: number): AsyncIterable<readonly KnownPair[]>
  /** An older time changes nothing. */
  put(pairs: readonly KnownPair[]): Promise<void>
  /** Removes those that were seen before, at most `limit` of them; how many there were. */
  prune(beforeUnixSeconds: number, limit: number): Promise<number>
}

const PAGE = 5000

export function knownPairsIn(open: () => Promise<SqlDatabase>): KnownPairTable {
  return {
    async *since(unixSeconds) {
      const database = await open()
      let after = -1
      for (;;) {
        const query = sql<KnownPair>`select pair, seen from homing_policy_known
          where pair > ${after} and seen >= ${unixSeconds} order by pair limit ${sql.lit(PAGE)}`
        const rows = await database.read('read the known pairs', query.compile(database.builder), {
          isListing: true,
        })
        const page = rows.map(({ pair, seen }) => ({ pair: Number(pair), seen: Number(seen) }))
        yield page
        const last = page.at(-1)
        if (page.length < PAGE || last === undefined) return
        after = last.pair
      }
    },
    put: async pairs => {
      const database = await open()
      // In one order in every copy, so that two of them never wait for each other.
      const rows = [...pairs].sort((a, b) => a.pair - b.pair).map(({ pair, seen }) => sql`(${pair}, ${seen})`)
      await database.transaction('remember known pairs', async transaction => {
        await sql`insert into homing_policy_known (pair, seen) values ${sql.join(rows)} ${unlessNewer[database.dialect]}`.execute(
          transaction,
        )
      })
    },
    prune: async (before, limit) => {
      const database = await open()
      const oldest = sql`where seen < ${before} order by seen limit ${sql.lit(limit)}`
      const which =
        database.dialect === 'mysql'
          ? oldest
          : sql`where pair in (select pair from homing_policy_known ${oldest})`
      return database.transaction('forget known pairs', async transaction => {
        const { numAffectedRows } = await sql`delete from homing_policy_known ${which}`.execute(transaction)
        return Number(numAffectedRows ?? 0)
      })
    },
  }
}

const unlessNewer = {
  mysql: sql`on duplicate key update seen = greatest(seen, values(seen))`,
  sqlite: sql`on conflict (pair) do update set seen = max(seen, excluded.seen)`,
}
