// The short form of `npm run test:faults`: a few of its rows, the same topology, no figure that a busy machine could miss.

import t from 'tap'
import { needs } from '../system/parts.js'
import { type FaultResult, tryFault } from './fault.js'
import { startSite } from './site.js'
import { faultTable } from './table.js'

const chosen: readonly string[] = [
  'the database dies under load',
  'failover: the primary turns read-only (1290), the replica is the new one',
  'passwords change, the replica is behind, and the primary dies',
]

t.test('nobody is told wrong, and no acknowledged change is lost', async t => {
  if (!needs(t, 'mariadb', 'redis', 'haproxy')) return
  if (process.env.HOMING_TEST_MYSQL_URL) return t.plan(0, 'it starts servers of its own')
  const site = await startSite({ rate: 60, coldUsers: 20_000 })
  t.teardown(() => site.close())
  const faults = faultTable({ requests: 1000, kills: 1 }).filter(({ title }) => chosen.includes(title))
  t.equal(faults.length, chosen.length)
  for (const fault of faults) {
    const { wrong, lost, asked }: FaultResult = await tryFault(fault, site)
    t.same({ wrong, lost }, { wrong: [], lost: [] }, `${fault.id} ${fault.title}: ${asked} logins`)
  }
})
