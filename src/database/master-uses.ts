// The audit of master users: rows are added and read, and never changed or deleted by this program.

import { sql } from 'kysely'
import type { MasterUseStore, RecordedMasterUse } from '../model/master-use.js'
import { columnText } from './column-value.js'
import { keptName, keptWord, optional } from './kept-text.js'
import { isWithin, REPORT_TIMEOUT_MS, type ReportPart, someOf } from './login-events.js'
import type { SqlDatabase } from './sql-database.js'

export interface MasterUses extends MasterUseStore {
  /** The latest first. */
  latest(sinceUnixSeconds: number, limit: number, part?: ReportPart): Promise<readonly RecordedMasterUse[]>
}

export function masterUsesIn(open: () => Promise<SqlDatabase>): MasterUses {
  return {
    add: async uses => {
      const rows = uses.map(rowOf)
      await (await open()).transaction('record uses of master users', async transaction => {
        await sql`insert into homing_master_uses (at, master_user, username, result, reason, verified_by, protocol,
          mechanism, remote_ip, real_remote_ip, session) values ${sql.join(rows)}`.execute(transaction)
      })
    },
    latest: async (since, limit, part = {}) => {
      const database = await open()
      const { deadlineMs = REPORT_TIMEOUT_MS } = part
      const query = sql<Readonly<Record<string, unknown>>>`
        select at, master_user, username, result, reason, verified_by, protocol, mechanism, remote_ip,
          real_remote_ip, session
        from homing_master_uses where ${isWithin(since, part)} order by at desc, id desc ${someOf(limit, part)}`
      const compiled = query.compile(database.builder)
      const rows = await database.report('report master users', compiled, deadlineMs)
      return rows.map(useOf)
    },
  }
}

function rowOf(use: RecordedMasterUse) {
  const { at, master, user, result, reason, verifiedBy, protocol, mechanism } = use
  const { remoteIp, realRemoteIp, sessionId } = use
  return sql`(${at}, ${keptName(master)}, ${keptName(user)}, ${result}, ${optional(reason, keptName)}, ${verifiedBy},
    ${keptWord(protocol)}, ${optional(mechanism, keptWord)}, ${optional(remoteIp, keptWord)},
    ${optional(realRemoteIp, keptWord)}, ${optional(sessionId, keptWord)})`
}

function useOf(row: Readonly<Record<string, unknown>>): RecordedMasterUse {
  const given = (key: string, column: string) =>
    row[column] === null ? {} : { [key]: columnText(row[column]) }
  return {
    at: Number(row.at),
    master: columnText(row.master_user),
    user: columnText(row.username),
    result: columnText(row.result) as RecordedMasterUse['result'],
    ...given('reason', 'reason'),
    verifiedBy: columnText(row.verified_by) as RecordedMasterUse['verifiedBy'],
    protocol: columnText(row.protocol),
    ...given('mechanism', 'mechanism'),
    ...given('remoteIp', 'remote_ip'),
    ...given('realRemoteIp', 'real_remote_ip'),
    ...given('sessionId', 'session'),
  }
}
