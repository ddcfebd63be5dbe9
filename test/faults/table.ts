// Every fault of the long form, in the order in which they are tried.

import { clientFaults } from './client-faults.js'
import { copyFaults, rolling } from './copy-faults.js'
import { databaseFaults } from './database-faults.js'
import { diskFaults, killedWriters } from './disk-faults.js'
import type { Fault, FaultResult } from './fault.js'

export interface Extent {
  /** How many logins the rolling restart lasts. */
  readonly requests: number
  /** How many writing processes are killed. */
  readonly kills: number
}

export function faultTable({ requests, kills }: Extent): readonly Fault[] {
  const all = [
    ...databaseFaults,
    ...diskFaults,
    killedWriters(kills),
    ...copyFaults,
    rolling(requests),
    ...clientFaults,
  ]
  return all.sort((a, b) => a.id.localeCompare(b.id))
}

/** One line of the table, and below it what went wrong. */
export function rowText(result: FaultResult): string {
  const { id, title, figure, measured, good, asked, temporary, reasons, wrong, lost } = result
  const why = Object.entries(reasons).map(([reason, count]) => `${count}× ${reason}`)
  const counts = [
    `${asked} logins`,
    `${wrong.length} wrong`,
    `${temporary} temporary${why.length > 0 ? ` (${why.join(', ')})` : ''}`,
    `${lost.length} writes lost`,
  ].join(', ')
  const lines = [
    `${good ? 'pass' : 'FAIL'}  ${id}  ${title}`,
    `wanted: ${figure}`,
    `got: ${measured}`,
    counts,
  ]
  return [...lines, ...wrong.slice(0, 5), ...lost.slice(0, 5)].join('\n           ')
}
