// npm run test:faults [-- T02 T14 …] [--rate N]
//
// The whole topology under a steady load of logins; one fault after the other; a table at the end. Exits with 1 when
// a row has a wrong answer, a lost write, or misses its figure.

import { parseArgs } from 'node:util'
import { databaseFaults } from './database-faults.js'
import { type FaultResult, tryFault } from './fault.js'
import { startSite } from './site.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rate: { type: 'string', default: '150' } },
})
const faults = [...databaseFaults]
const chosen = faults.filter(({ id }) => positionals.length === 0 || positionals.includes(id))
const site = await startSite({ rate: Number(values.rate), coldUsers: 50_000 })
const results: FaultResult[] = []
try {
  for (const fault of chosen) {
    const result = await tryFault(fault, site)
    results.push(result)
    console.log(rowText(result))
  }
} finally {
  await site.close()
}
process.exitCode = results.every(({ good }) => good) ? 0 : 1

function rowText({ id, title, figure, measured, good, asked, temporary, wrong, lost }: FaultResult): string {
  const head = `${good ? 'pass' : 'FAIL'}  ${id}  ${title}\n`
  const counts = `${asked} logins, ${temporary} temporary failures, ${wrong.length} wrong answers, ${lost.length} writes lost`
  return [`${head}      wanted ${figure}`, measured, counts, ...wrong.slice(0, 5), ...lost.slice(0, 5)].join(
    '\n      ',
  )
}
