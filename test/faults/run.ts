// npm run test:faults [-- T02 T14 … --rate N --requests N --kills N]
//
// The whole topology under a steady load of logins; one fault after the other; a row for each. Exits with 1 when a row
// has a wrong answer, a lost write, or misses its figure.

import { parseArgs } from 'node:util'
import { tryFault } from './fault.js'
import { startSite } from './site.js'
import { faultTable, rowText } from './table.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: 'string', default: '150' },
    requests: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '100' },
  },
})
const table = faultTable({ requests: Number(values.requests), kills: Number(values.kills) })
const chosen = table.filter(({ id }) => positionals.length === 0 || positionals.includes(id))
const site = await startSite({ rate: Number(values.rate), coldUsers: 200_000 })
const missed: string[] = []
try {
  for (const fault of chosen) {
    const result = await tryFault(fault, site)
    if (!result.good) missed.push(result.id)
    console.log(rowText(result))
  }
  console.log(`\n${chosen.length - missed.length} of ${chosen.length} rows reached`, missed.join(' '))
  console.log(`${site.load.asked} logins, ${site.load.wrong.length} wrong answers`)
} finally {
  await site.close()
}
process.exitCode = missed.length === 0 ? 0 : 1
