// Whatever character set and collation a name column has: the login rules decide, and no name spoils another's lookup.

import t, { type Test } from 'tap'
import { collect, lower, openFor } from '../conformance/database/test-database.js'
import { startMariadb, whyNoMariadb } from './mariadb-server.js'

const reason = whyNoMariadb()
const options = reason ? { skip: reason } : {}
const server = reason ? undefined : await startMariadb()
t.teardown(() => server?.close())
let count = 0

async function tableWith(t: Test, definition: string, warn?: (message: string) => void) {
  if (!server) throw new Error('no server')
  const name = `homing_collations_${process.pid}_${++count}`
  const url = await server.createDatabase(name)
  await server.execute(`create table names (name ${definition}, number integer)`, name)
  await server.execute(
    "set names utf8mb4; insert into names values ('Anna@Example.org', 1), ('bob@example.org', 2), ('eve@example.org', 3)",
    name,
  )
  return openFor(t, url, {}, warn).accountTable({
    table: 'names',
    columns: { user: 'name', number: 'number' },
    normalise: lower,
  })
}

const definitions = [
  { definition: 'varchar(100) character set utf8mb4 collate utf8mb4_general_ci primary key', warns: false },
  { definition: 'varchar(100) character set utf8mb4 collate utf8mb4_unicode_ci primary key', warns: false },
  { definition: 'varchar(100) character set utf8mb3 primary key', warns: false },
  { definition: 'varchar(100) character set latin1 primary key', warns: false },
  { definition: 'varchar(100) character set latin1 collate latin1_general_ci primary key', warns: false },
  { definition: 'varchar(100) character set ascii primary key', warns: false },
  { definition: 'varchar(100) character set utf16 primary key', warns: false },
  { definition: 'varchar(100) character set utf8mb4 collate utf8mb4_bin primary key', warns: true },
  { definition: 'varchar(100) character set latin1 collate latin1_general_cs primary key', warns: true },
  { definition: 'varbinary(100) primary key', warns: true },
]

for (const { definition, warns } of definitions) {
  t.test(definition, options, async t => {
    const warnings: string[] = []
    const table = await tableWith(t, definition, message => warnings.push(message))
    const names = [
      'anna@example.org',
      'bob@example.org',
      'Anna@Example.org',
      'ánna@example.org',
      'eve@example.org ',
      '日本@example.org',
      '😀@example.org',
      '\ud800@example.org',
      'é',
      'anna@example.org\0',
    ]
    const together = await Promise.all(names.map(name => table.find(name)))
    t.same(
      together.map(answer => (answer.found === 'one' ? answer.row.values.number : answer.found)),
      [1, 2, ...new Array(names.length - 2).fill('none')],
    )
    t.same((await collect(table.list('*'))).sort(), [
      'anna@example.org',
      'bob@example.org',
      'eve@example.org',
    ])
    t.same(await collect(table.list('anna@*')), ['anna@example.org'])
    for (const mask of ['日本*', '?nna*😀', '*\0'])
      t.same(await collect(table.list(mask)), [], JSON.stringify(mask))
    t.equal(warnings.length, warns ? 1 : 0)
    if (warns) t.match(warnings[0], /names\.name compares letter by letter.*reads the whole table/)
  })
}

const languages = [
  ...['turkish', 'czech', 'danish', 'lithuanian', 'slovak', 'spanish2', 'croatian'].map(
    language => `utf8mb4 collate utf8mb4_${language}_ci`,
  ),
  ...['latin5', 'cp866', 'latin7', 'latin5 collate latin5_bin', 'utf16 collate utf16_turkish_ci'],
]

for (const language of languages) {
  t.test(`${language}: a name is found in whatever capitals it is stored`, options, async t => {
    if (!server) throw new Error('no server')
    const name = `homing_collations_${process.pid}_${++count}`
    const url = await server.createDatabase(name)
    const stored = ['cHris', 'isaAk', 'INFO', 'niLLs', 'Jan', 'TOM', 'anJa', 'iljA', 'ljILJana']
    const domain = 'CHaaLLs.INFO'
    await server.execute(
      `create table names (name varchar(100) character set ${language}, domain varchar(100) character set ${language}, primary key (name, domain));
       insert into names values ${stored.map(name => `('${name}', '${domain}')`).join(', ')}`,
      name,
    )
    const table = openFor(t, url).accountTable({
      table: 'names',
      columns: { user: 'name', domain: 'domain' },
      normalise: lower,
    })
    const users = stored.map(name => lower(`${name}@${domain}`))
    const found = await Promise.all(users.map(user => table.find(user)))
    t.same(
      found.map(answer => answer.found),
      stored.map(() => 'one'),
    )
    t.same((await collect(table.list('*'))).sort(), users.toSorted())
    t.same(await collect(table.list('chris@*')), [lower(`chris@${domain}`)])
  })
}

t.test('a case-insensitive lookup uses the key, whatever its character set', options, async t => {
  if (!server) throw new Error('no server')
  const name = `homing_collations_${process.pid}_${++count}`
  const url = await server.createDatabase(name)
  await server.execute(
    "create table names (name varchar(100) character set latin1 primary key); insert into names select concat('user', seq) from seq_1_to_5000; analyze table names",
    name,
  )
  const table = openFor(t, url).accountTable({ table: 'names', columns: { user: 'name' }, normalise: lower })
  await table.find('user1')
  await server.execute('set global userstat = 1; flush table_statistics')
  const answers = await Promise.all(['user4711', 'user42', 'nobody'].map(name => table.find(name)))
  t.same(
    answers.map(answer => answer.found),
    ['one', 'one', 'none'],
  )
  const [read] = await server.execute(
    `select rows_read as n from information_schema.table_statistics where table_schema = '${name}' and table_name = 'names'`,
  )
  t.ok(Number(read?.n) <= 3, `${read?.n} rows read`)
})

t.test('no sql_mode makes a name part of the query', options, async t => {
  for (const mode of ['NO_BACKSLASH_ESCAPES,ANSI_QUOTES', 'PIPES_AS_CONCAT', '']) {
    await server?.execute(`set global sql_mode = '${mode}'`)
    const table = await tableWith(t, 'varchar(100) primary key')
    for (const name of [
      "\\' or 1=1 -- ",
      "' or '1'='1",
      '" or ""="',
      "\\' union select name, number from names -- ",
    ]) {
      t.same(await table.find(name), { found: 'none' })
      t.same(await collect(table.list(`${name}*`)), [])
    }
    t.match(await table.find('bob@example.org'), { found: 'one' })
    t.same(await collect(table.list('b?b@*')), ['bob@example.org'])
  }
  await server?.execute('set global sql_mode = default')
})

t.test('values of every type arrive as text, number or null', options, async t => {
  if (!server) throw new Error('no server')
  const name = `homing_values_${process.pid}`
  const url = await server.createDatabase(name)
  await server.execute(
    `create table odd (name varchar(10), big bigint unsigned, money decimal(10,2), real_one double, day date, moment datetime, bit_one bit(1), bytes varbinary(10), body blob, doc json, pick enum('a','b'), nothing int);
     insert into odd values ('anna', 18446744073709551615, 12.50, 1.5, '2024-02-29', '2024-02-29 12:34:56', b'1', 'xyz', 'blob', '{"a":1}', 'b', null),
       ('zero', 1, 0, 0, '0000-00-00', '0000-00-00 00:00:00', b'0', '', '', '[]', 'a', null)`.replace(
      /^/,
      "set session sql_mode='';",
    ),
    name,
  )
  const columns = {
    user: 'name',
    big: 'big',
    money: 'money',
    real: 'real_one',
    day: 'day',
    moment: 'moment',
    bit: 'bit_one',
    bytes: 'bytes',
    body: 'body',
    doc: 'doc',
    pick: 'pick',
    nothing: 'nothing',
  }
  const table = openFor(t, url).accountTable({ table: 'odd', columns, normalise: lower })
  const anna = await table.find('anna')
  t.same(anna.found === 'one' && { ...anna.row.values }, {
    user: 'anna',
    big: '18446744073709551615',
    money: '12.50',
    real: 1.5,
    day: '2024-02-29T00:00:00.000Z',
    moment: '2024-02-29T12:34:56.000Z',
    bit: 1,
    bytes: 'xyz',
    body: 'blob',
    doc: '{"a":1}',
    pick: 'b',
    nothing: null,
  })
  const zero = await table.find('zero')
  t.match(zero.found === 'one' && { ...zero.row.values }, {
    bit: 0,
    bytes: '',
    body: '',
    doc: '[]',
    day: null,
  })
})
