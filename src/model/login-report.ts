// The rows of the reports on logins, in the words that the command and the admin API tell them in.

import type { RecordedMasterUse } from './master-use.js'

export type ReportRow = Readonly<Record<string, string | number>>

const times = new Set(['at', 'last'])

/** Whether this column holds seconds since 1970. */
export const isTime = (column: string): boolean => times.has(column)

/** The row with its times as texts. */
export function withTimes(row: ReportRow, format: (unixSeconds: number) => string = isoTime): ReportRow {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [column, isTime(column) ? format(Number(value)) : value]),
  )
}

export function isoTime(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString()
}

export function masterRow(use: RecordedMasterUse): ReportRow {
  const { at, master, user, result, verifiedBy, protocol, remoteIp, reason } = use
  return {
    at,
    master,
    user,
    result,
    verified: verifiedBy,
    protocol,
    address: remoteIp ?? '',
    reason: reason ?? '',
  }
}
