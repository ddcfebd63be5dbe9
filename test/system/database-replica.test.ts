// A replica that is behind is read only for what has not changed since: no old password comes back by it.

import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { AccountTable } from '../../src/database/account-table.js'
import type { Database } from '../../src/database/open-database.js'
import { lower, openFor } from '../conformance/database/test-database.js'
import { whyNoMariadb } from './mariadb-server.js'
import { follow, handOver, type ReplicatedPair, replicated, startReplicatedPair } from './replication.js'

const reason = process.env.HOMING_TEST_MYSQL_URL ? 'it starts servers of its own' : whyNoMariadb()
const skip = reason ? { skip: reason } : {}

/** Hosts are asked for their newest change twice a second. */
const NOTICED_MS = 1300

interface Site extends ReplicatedPair {
  readonly database: Database
  readonly table: AccountTable
}

t.test('two hosts, one of them a replica', skip, async t => {
  const pair = await startReplicatedPair()
  t.teardown(() => Promise.all([pair.primary.close(), pair.replica.close()]))
  await pair.primary.execute(
    "create database mail; create user writer@'%' identified by 'w'; " +
      "grant select, insert, update, delete, create, alter, drop, index on mail.* to writer@'%'",
  )
  const { primary, replica } = pair
  const url = `mysql://writer:w@127.0.0.1:${primary.port},127.0.0.1:${replica.port}/mail`
  const setUp = openFor(t, url)
  t.equal((await setUp.migrate()).result, 'done')
  for (const user of ['anna', 'bob']) await change(setUp, user, 'first', 'add')
  await replicated(primary, replica)

  const siteFor = (t: Test): Site => {
    const database = openFor(t, url)
    const columns = { user: 'username', password: 'password', host: 'host' }
    const table = database.accountTable({ table: 'proxy_users', columns, normalise: lower })
    return { ...pair, database, table }
  }
  await t.test('a replica that has everything answers while the primary is down', async t => {
    const { table } = siteFor(t)
    t.equal(await passwordOf(table, 'anna'), 'first')
    await sleep(NOTICED_MS)
    await primary.kill()
    t.equal(await passwordOf(table, 'anna'), 'first')
    await primary.start()
  })
  await t.test('who was changed gets no answer from a replica that is behind; everybody else does', t =>
    behind(t, siteFor(t)),
  )
  await t.test('a replica that has caught up answers for all again', async t => {
    const { table } = siteFor(t)
    await sleep(NOTICED_MS)
    await primary.kill()
    t.equal(await passwordOf(table, 'anna'), 'second')
    await primary.start()
  })
  await t.test('after a failover reads follow to where changes are made', t => failover(t, siteFor(t)))
})

async function behind(t: Test, { primary, replica, database, table }: Site): Promise<void> {
  t.equal(await passwordOf(table, 'anna'), 'first')
  await sleep(NOTICED_MS)
  await replica.execute('stop slave sql_thread')
  await change(database, 'anna', 'second')
  await sleep(NOTICED_MS)
  await primary.kill()
  t.equal(await passwordOf(table, 'anna'), 'HOMING_DATABASE_BEHIND')
  t.equal(await passwordOf(table, 'bob'), 'first')
  t.same(
    await Promise.all(['anna', 'bob'].map(user => passwordOf(table, user))),
    ['HOMING_DATABASE_BEHIND', 'first'],
    'also when both are in one query',
  )
  const changes = await database.changes.newest(10)
  t.match(changes, { result: 'failed', cause: { code: 'HOMING_DATABASE_BEHIND' } }, 'no cache follows it')
  await primary.start()
  await replica.execute('start slave sql_thread')
  await replicated(primary, replica)
}

async function failover(t: Test, { primary, replica, database, table }: Site): Promise<void> {
  t.equal(await passwordOf(table, 'anna'), 'second')
  await sleep(NOTICED_MS)
  await handOver(primary, replica)
  await change(database, 'anna', 'third')
  await sleep(NOTICED_MS)
  t.equal(await passwordOf(table, 'anna'), 'third')
  await follow(primary, replica)
  await replicated(replica, primary)
}

async function change(database: Database, user: string, password: string, how: 'add' | 'set' = 'set') {
  const accounts = database.accounts('proxy_users', lower, 'test')
  const fields = { password, ...(how === 'add' && { host: 'h' }) }
  const outcome = how === 'add' ? await accounts.add(user, fields) : await accounts.set(user, fields)
  if (outcome !== 'added' && outcome !== 'changed') throw new Error(`${user}: ${outcome}`)
}

/** The stored password, or what came instead of an answer. */
async function passwordOf(table: AccountTable, user: string): Promise<unknown> {
  const lookup = await table.find(user)
  if (lookup.found === 'error') return (lookup.cause as { code?: string }).code
  return lookup.found === 'one' ? lookup.row.values.password : lookup.found
}
