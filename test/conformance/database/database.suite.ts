// What every database behind Homing does alike.

import t, { type Test } from 'tap'
import { DatabaseError } from '../../../src/database/database-error.js'
import {
  collect,
  type DatabaseMaker,
  databasesFor,
  hostileNames,
  lower,
  openFor,
  proxyTable,
} from './test-database.js'

const anna = {
  user: 'anna@example.org',
  fields: { host: 'backend1.example.com', destuser: 'anna', port: 993 },
}

export function databaseSuite(label: string, { dialect, make }: DatabaseMaker): void {
  const migrated = async (t: Test) => {
    const { url, execute } = await make()
    const database = openFor(t, url)
    const outcome = await database.migrate()
    if (outcome.result !== 'done') throw new Error(JSON.stringify(outcome))
    return { url, execute, database }
  }

  t.test(`${label}: an account is added, shown, changed, listed and deleted`, async t => {
    const { database } = await migrated(t)
    const accounts = database.accounts('proxy_users', lower, 'test')
    const table = database.accountTable(proxyTable)
    t.equal(await accounts.add(anna.user, { ...anna.fields, password: '{PLAIN}secret' }), 'added')
    t.equal(await accounts.add(anna.user, anna.fields), 'exists')
    t.match(await accounts.show(anna.user), {
      user: anna.user,
      values: {
        host: 'backend1.example.com',
        port: 993,
        ssl_mode: 'starttls',
        active: 1,
        password: 'set',
        pass: null,
      },
    })
    t.match(await table.find(anna.user), {
      found: 'one',
      row: {
        user: anna.user,
        values: { ...anna.fields, password: '{PLAIN}secret', ssl_mode: 'starttls', active: 1 },
      },
    })
    t.equal(await accounts.set(anna.user, { active: 0, port: null }), 'changed')
    t.match(await table.find(anna.user), { row: { values: { active: 0, port: null, destuser: 'anna' } } })
    t.same(await collect(accounts.list('*')), [anna.user])
    t.equal(await accounts.set('nobody', { active: 0 }), 'not_found')
    t.equal(await accounts.show('nobody'), 'not_found')
    t.equal(await accounts.delete('nobody'), 'not_found')
    t.equal(await accounts.delete(anna.user), 'deleted')
    t.same(await table.find(anna.user), { found: 'none' })
    await t.rejects(accounts.add('x', { nonsense: 1 } as never), TypeError)
  })

  t.test(`${label}: local and master users have their tables too`, async t => {
    const { database } = await migrated(t)
    const local = database.accounts('local_users', lower, 'test')
    t.equal(
      await local.add('john@example.org', {
        password: '{PLAIN}x',
        home: '/srv/john',
        uid: 'vmail',
        gid: 5000,
      }),
      'added',
    )
    t.match(await local.show('john@example.org'), {
      values: { home: '/srv/john', uid: 'vmail', gid: '5000', active: 1 },
    })
    const masters = database.accounts('master_users', lower, 'test')
    t.equal(await masters.add('root@example.org', { password: '{PLAIN}x' }), 'added')
    t.equal(await masters.add('root@example.com', { password: '{PLAIN}x' }), 'added')
    t.equal(await masters.add('Root@example.com'.toLowerCase(), {}), 'exists')
    t.match(await masters.show('root@example.org'), { user: 'root@example.org', values: { masteradmin: 1 } })
    t.equal(await masters.delete('root@example.org'), 'deleted')
    t.same(await collect(masters.list('*')), ['root@example.com'])
  })

  t.test(`${label}: the login rules decide whose row it is, not the collation`, async t => {
    const { database, execute } = await migrated(t)
    await execute(
      "insert into proxy_users (username, host) values ('Bob@Example.org', 'b'), ('zoë@example.org', 'z'), ('eve ', 'e')",
    )
    const table = database.accountTable(proxyTable)
    t.match(await table.find('bob@example.org'), { found: 'one', row: { user: 'Bob@Example.org' } })
    t.match(await table.find('zoë@example.org'), { found: 'one' })
    for (const name of [
      'Bob@Example.org',
      'bób@example.org',
      'zoe@example.org',
      'zoë@example.org ',
      'eve',
      'eve  ',
    ]) {
      t.same(await table.find(name), { found: 'none' }, name)
    }
    const asWritten = database.accountTable({ ...proxyTable, normalise: name => name })
    t.match(await asWritten.find('Bob@Example.org'), { found: 'one' }, 'auth_username_format = %u')
    t.same(await asWritten.find('bob@example.org'), { found: 'none' })
  })

  t.test(`${label}: rows that the login rules make the same are several`, async t => {
    const { database, execute } = await migrated(t)
    await execute('create table loose (name varchar(50), home varchar(50))')
    await execute("insert into loose values ('Anna', 'a'), ('anna', 'b'), ('bob', 'c')")
    const table = database.accountTable({
      table: 'loose',
      columns: { user: 'name', home: 'home' },
      normalise: lower,
    })
    t.same(await table.find('anna'), { found: 'several' })
    t.match(await table.find('bob'), { found: 'one' })
    t.same((await collect(table.list('*'))).sort(), ['anna', 'bob'])
  })

  t.test(`${label}: names made to be SQL are names`, async t => {
    const { database, execute } = await migrated(t)
    await execute("insert into proxy_users (username, host) values ('anna', 'h'), ('bob', 'h')")
    const table = database.accountTable(proxyTable)
    const accounts = database.accounts('proxy_users', lower, 'test')
    for (const name of hostileNames) {
      t.same(await table.find(name), { found: 'none' }, JSON.stringify(name.slice(0, 40)))
      t.equal(await accounts.delete(name), 'not_found')
      t.equal(await accounts.set(name, { active: 0 }), 'not_found')
      t.same(
        await collect(table.list(name)),
        name === '%' || name === '*' ? ['anna', 'bob'].slice(0, name === '*' ? 2 : 0) : [],
      )
    }
    const together = await Promise.all([...hostileNames, 'anna'].map(name => table.find(name)))
    t.equal(
      together.filter(answer => answer.found === 'none').length,
      hostileNames.length,
      'nor do they spoil a batch',
    )
    t.match(together.at(-1), { found: 'one' })
    t.same(await execute('select username from proxy_users order by username'), [
      { username: 'anna' },
      { username: 'bob' },
    ])
    t.equal(await accounts.add("o'brien; drop table proxy_users", { host: 'h' }), 'added')
    t.match(await table.find("o'brien; drop table proxy_users"), { found: 'one' })
  })

  t.test(`${label}: a name may stand in two columns`, async t => {
    const { database, execute } = await migrated(t)
    await execute(
      'create table users (userid varchar(128) not null, domain varchar(128) not null, password varchar(64), uid integer, unique (domain, userid))',
    )
    await execute(
      "insert into users values ('john', 'domain1.com', 'p', 5000), ('jane', 'domain1.com', 'q', 5001), ('john', 'domain2.com', 'r', 5002), ('solo', '', 's', 1), ('Up', 'Domain1.com', 't', 2)",
    )
    const columns = { user: 'userid', domain: 'domain', password: 'password', uid: 'uid' }
    const table = database.accountTable({ table: 'users', columns, normalise: lower })
    t.same(await table.find('john@domain1.com'), {
      found: 'one',
      row: {
        user: 'john@domain1.com',
        values: { user: 'john', domain: 'domain1.com', password: 'p', uid: 5000 },
      },
    })
    const names = [
      'john@domain2.com',
      'jane@domain2.com',
      'solo',
      'john',
      'john@domain1.com@x',
      '@domain1.com',
      'up@domain1.com',
    ]
    const found = await Promise.all(names.map(name => table.find(name)))
    t.same(
      found.map(answer => answer.found),
      ['one', 'none', 'one', 'none', 'none', 'none', 'one'],
    )
    t.same((await collect(table.list('*'))).sort(), [
      'jane@domain1.com',
      'john@domain1.com',
      'john@domain2.com',
      'solo',
      'up@domain1.com',
    ])
    t.same((await collect(table.list('*o*'))).length, 5)
    t.same(await collect(table.list('john@*1.com')), ['john@domain1.com'])
    t.same(await collect(table.list('s*')), ['solo'])
  })

  t.test(`${label}: a thousand lookups at once each get their own answer`, async t => {
    const { database, execute } = await migrated(t)
    const rows = Array.from({ length: 700 }, (_, i) => `('user${i}', 'host${i}')`)
    await execute(`insert into proxy_users (username, host) values ${rows.join(', ')}`)
    const table = database.accountTable(proxyTable)
    const asked = Array.from({ length: 1000 }, (_, i) => `user${(i * 7) % 1000}`)
    const answers = await Promise.all(asked.map(name => table.find(name)))
    answers.forEach((answer, i) => {
      const number = (i * 7) % 1000
      if (number >= 700) t.equal(answer.found, 'none')
      else if (answer.found !== 'one' || answer.row.values.host !== `host${number}`)
        t.fail(`wrong row for user${number}`)
    })
  })

  t.test(`${label}: odd columns and odd values do no harm`, async t => {
    const { database, execute } = await migrated(t)
    const q = (name: string) => (dialect === 'mysql' ? `\`${name}\`` : `"${name}"`)
    const [blob, big] = dialect === 'mysql' ? ['varbinary(20)', 'bigint'] : ['blob', 'integer']
    await execute(
      `create table odd (name varchar(50), ${q('__proto__')} varchar(20), ${q('constructor')} varchar(20), ${q('a b')} ${blob}, big ${big}, real_one double)`,
    )
    await execute(
      `insert into odd values ('anna', 'p', 'c', x'68c3b6', 9007199254740991, 1.5), ('bob', null, null, null, null, null)`,
    )
    const columns = {
      user: 'name',
      proto: '__proto__',
      constructor: 'constructor',
      bytes: 'a b',
      big: 'big',
      real: 'real_one',
    }
    const table = database.accountTable({ table: 'odd', columns: columns as never, normalise: lower })
    const found = await table.find('anna')
    if (found.found !== 'one') throw new Error(found.found)
    t.same(
      { ...found.row.values },
      { user: 'anna', proto: 'p', constructor: 'c', bytes: 'hö', big: 9007199254740991, real: 1.5 },
    )
    t.equal(({} as Record<string, unknown>).p, undefined)
    const bob = await table.find('bob')
    t.same(bob.found === 'one' && { ...bob.row.values }, {
      user: 'bob',
      proto: null,
      constructor: null,
      bytes: null,
      big: null,
      real: null,
    })
    t.equal(bob.found === 'one' && bob.row.values.toString, undefined, 'values inherit nothing')
    t.throws(
      () =>
        database.accountTable({
          table: 'odd',
          columns: JSON.parse('{"user":"name","__proto__":"x"}'),
          normalise: lower,
        }),
      {
        code: 'ERR_CONFIG',
      },
    )
  })

  t.test(`${label}: ten thousand names are listed in pages, each once`, async t => {
    const { database, execute } = await migrated(t)
    for (let start = 0; start < 10_000; start += 1000) {
      const rows = Array.from(
        { length: 1000 },
        (_, i) => `('user${start + i}@${(start + i) % 2 ? 'odd' : 'even'}.org', 'h')`,
      )
      await execute(`insert into proxy_users (username, host) values ${rows.join(', ')}`)
    }
    const table = database.accountTable(proxyTable)
    const all = await collect(table.list('*'))
    t.equal(all.length, 10_000)
    t.equal(new Set(all).size, 10_000)
    t.equal((await collect(table.list('*@odd.org'))).length, 5000)
    t.same((await collect(table.list('user12?@*'))).length, 10)
    t.same(await collect(table.list('user77@odd.org')), ['user77@odd.org'])
    t.same(await collect(table.list('USER77@odd.org')), [], 'masks are compared with the normalised name')
    t.same(await collect(table.list('user_7@odd.org')), [], 'what LIKE would read as a wildcard is none')
    const first = table.list('*')[Symbol.asyncIterator]()
    t.match(await first.next(), { done: false })
    await first.return?.()
    t.match(await table.find('user1@odd.org'), { found: 'one' }, 'an abandoned listing blocks nothing')
  })

  t.test(`${label}: more equal names than a page holds are still listed`, async t => {
    const { database, execute } = await migrated(t)
    await execute('create table loose (name varchar(50))')
    const spellings = Array.from({ length: 1500 }, (_, i) => `('${spell('abcdefghijkl', i)}')`)
    await execute(`insert into loose values ${spellings.join(', ')}, ('zoe')`)
    const columns = { user: 'name' }
    const asWritten = database.accountTable({ table: 'loose', columns, normalise: name => name })
    t.equal((await collect(asWritten.list('*'))).length, 1501)
    t.same(await collect(database.accountTable({ table: 'loose', columns, normalise: lower }).list('*')), [
      'abcdefghijkl',
      'zoe',
    ])
  })

  t.test(`${label}: an error is an error, and tells no name`, async t => {
    const { database } = await migrated(t)
    const missing = database.accountTable({ ...proxyTable, table: 'no_such_table' })
    const answer = await missing.find('secret-name@example.org')
    if (answer.found !== 'error') throw new Error(answer.found)
    t.ok(answer.cause instanceof DatabaseError)
    t.match(answer.cause, { temporary: false, statement: 'find accounts in no_such_table' })
    t.notMatch(
      JSON.stringify([answer.cause.message, answer.cause.stack, answer.cause.cause]),
      /secret-name|homing-test/,
    )
    const wrongColumn = database.accountTable({ ...proxyTable, columns: { user: 'username', host: 'hostt' } })
    t.match(await wrongColumn.find('anna'), { found: 'error', cause: { temporary: false } })
    await t.rejects(collect(missing.list('*')), DatabaseError)
  })

  t.test(`${label}: a signal ends the wait for an answer`, async t => {
    const { database } = await migrated(t)
    const table = database.accountTable(proxyTable)
    const aborted = AbortSignal.abort(new Error('too late'))
    t.match(await table.find('anna', aborted), { found: 'error', cause: { message: 'too late' } })
    t.same(await table.find('anna', new AbortController().signal), { found: 'none' })
  })

  t.test(`${label}: one URL is one database, and a closed one answers with an error`, async t => {
    const { url } = await make()
    const databases = databasesFor(t)
    const database = databases.open(url)
    t.equal(databases.open(url), database)
    t.equal(await database.ping(), true)
    await databases.close()
    t.equal(await database.ping(), false)
  })
}

/** The word with capitals where the number has bits. */
function spell(word: string, number: number): string {
  return [...word].map((letter, i) => ((number >> i) & 1 ? letter.toUpperCase() : letter)).join('')
}
