// MariaDB may believe that a table of many rows is empty: what it knows of tables is written some time after their rows, and a
// crash in between loses it. Names are looked up by the index all the same.

import t from 'tap'
import type { AccountColumns } from '../../src/database/account-table.js'
import { lower, openFor } from '../conformance/database/test-database.js'
import { startMariadb, whyNoMariadb } from './mariadb-server.js'

const reason = whyNoMariadb()
const options = reason ? { skip: reason } : {}
const server = reason ? undefined : await startMariadb()
t.teardown(() => server?.close())

const ROWS = 20_000
let count = 0

interface Table {
  readonly definition: string
  readonly columns: AccountColumns
  /** Looks for many of its rows, by the index that the server thinks best: here it thinks that none is. */
  readonly misled?: string
}

const wanted = Array.from({ length: 32 }, (_, at) => `u${at * 500}@x.test`)
const oneColumn = { user: 'name', number: 'number' }
const twoColumns = { user: 'userid', domain: 'domain', number: 'number' }

const tables: Readonly<Record<string, Table>> = {
  'the name is the primary key': {
    definition: 'name varchar(100) primary key, number integer',
    columns: oneColumn,
    misled: `select * from names where name in (${wanted.map(name => `'${name}'`).join()})`,
  },
  'the name has an index beside others': {
    definition:
      'id integer auto_increment primary key, name varchar(100), number integer, key by_number (number, name), key by_name (name)',
    columns: oneColumn,
  },
  'the name stands in two columns': {
    definition:
      'userid varchar(100), domain varchar(100), number integer, key by_domain (domain), unique key login (domain, userid)',
    columns: twoColumns,
  },
  'an index that is ignored is there, too': {
    definition:
      'name varchar(100), number integer, unique key ignored_one (name) ignored, key by_name (name, number)',
    columns: oneColumn,
  },
}

for (const [title, { definition, columns, misled }] of Object.entries(tables)) {
  t.test(title, options, async t => {
    if (!server) throw new Error('no server')
    const database = `homing_statistics_${process.pid}_${++count}`
    const url = await server.createDatabase(database)
    const values = columns.domain ? "concat('u', seq), 'x.test'" : "concat('u', seq, '@x.test')"
    const names = columns.domain ? 'userid, domain' : 'name'
    await server.execute(
      `create table names (${definition}) stats_auto_recalc = 0;
       insert into names (${names}, number) select ${values}, seq from seq_0_to_${ROWS - 1}`,
      database,
    )
    await server.kill()
    await server.start()
    if (misled !== undefined) {
      const [plan] = await server.execute(`explain ${misled}`, database)
      t.equal(plan?.type, 'ALL', 'left to itself the server would read the whole table')
    }

    const table = openFor(t, url).accountTable({ table: 'names', columns, normalise: lower })
    await table.find('u1@x.test')
    const before = await rowsRead()
    const found = await Promise.all(wanted.map(name => table.find(name)))
    t.same(
      found.map(answer => (answer.found === 'one' ? answer.row.values.number : answer.found)),
      wanted.map(name => Number(/\d+/.exec(name))),
    )
    const read = (await rowsRead()) - before
    t.ok(read < 3000, `${read} rows read for ${wanted.length} names`)
  })
}

t.test('an index that is taken away meanwhile costs nobody an answer', options, async t => {
  if (!server) throw new Error('no server')
  const database = `homing_statistics_${process.pid}_${++count}`
  const url = await server.createDatabase(database)
  await server.execute(
    "create table names (name varchar(100), number integer, key by_name (name)); insert into names values ('anna@x.test', 1)",
    database,
  )
  const table = openFor(t, url).accountTable({ table: 'names', columns: oneColumn, normalise: lower })
  t.match(await table.find('anna@x.test'), { found: 'one' })
  await server.execute('alter table names drop key by_name', database)
  t.match(await table.find('anna@x.test'), { found: 'one' })
  await server.execute('alter table names add key another (name)', database)
  t.match(await table.find('anna@x.test'), { found: 'one' })
})

/** One after the other, since the start of the server. */
async function rowsRead(): Promise<number> {
  const [row] = (await server?.execute("show global status like 'Handler_read_rnd_next'", 'mysql')) ?? []
  return Number(row?.Value)
}
