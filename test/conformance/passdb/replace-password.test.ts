// Compare-and-swap on stored passwords, through the sql passdb, in real databases.

import t, { type Test } from 'tap'
import type { PasswordReplacement } from '../../../src/model/passdb.js'
import { sql } from '../../../src/passdb/sql.js'
import { databasesFor } from '../database/test-database.js'
import { driverDeps, withDefaults } from './open-driver.js'
import { request } from './passdb.suite.js'
import { type AccountsUnderTest, eachDatabase } from './real-databases.js'

type Replace = (user: string, stored: string, replacement: string) => Promise<PasswordReplacement>

const replaced = { result: 'replaced' }
const changedMeanwhile = { result: 'changed_meanwhile' }

/** A passdb with connections of its own: another copy of the program. */
async function open(
  t: Test,
  { url }: Pick<AccountsUnderTest, 'url'>,
  table: string,
  columns: Record<string, string> = {},
) {
  const given = withDefaults(sql.options, { table, columns, database_url: url })
  const passdb = await sql.open(given, driverDeps(databasesFor(t)))
  const stored = async (user: string) => {
    const found = await passdb.lookup(request(user))
    return found.result === 'ok' ? found.credentials?.stored : found
  }
  const replace: Replace = async (...args) => {
    if (!passdb.replacePassword) throw new Error('cannot be written')
    return passdb.replacePassword(...args)
  }
  return { passdb, stored, replace }
}

await eachDatabase((label, make) => {
  t.test(
    `${label}: the password is replaced while it is what it was, whatever the name's spelling`,
    async t => {
      const { replace, stored } = await open(t, await make(t), 'local_users')
      t.same(await replace('bob@example.org', '{PLAIN}pb', '{X}new'), replaced)
      t.equal(await stored('bob@example.org'), '{X}new')
      t.equal(await stored('anna@example.org'), '{PLAIN}pa', 'and nobody else’s')
    },
  )

  t.test(`${label}: a password that was changed meanwhile stays, to the letter`, async t => {
    const { replace, stored } = await open(t, await make(t), 'local_users')
    for (const before of ['{PLAIN}PA', '{PLAIN}pa ', '{PLAIN}pá', '{plain}pa', '']) {
      t.same(await replace('anna@example.org', before, '{X}new'), changedMeanwhile, before)
    }
    t.equal(await stored('anna@example.org'), '{PLAIN}pa')
    t.same(await replace('nobody@example.org', '{PLAIN}pa', '{X}new'), changedMeanwhile)
  })

  t.test(`${label}: of many copies at once one writes`, async t => {
    const made = await make(t)
    const copies = await Promise.all([1, 2, 3, 4].map(() => open(t, made, 'local_users')))
    const outcomes = await Promise.all(
      copies.map(({ replace }, copy) => replace('anna@example.org', '{PLAIN}pa', `{X}${copy}`)),
    )
    const winners = outcomes.flatMap(({ result }, copy) => (result === 'replaced' ? [copy] : []))
    t.equal(winners.length, 1, JSON.stringify(outcomes))
    t.ok(outcomes.every(({ result }) => result !== 'failed'))
    t.equal(await copies[0]?.stored('anna@example.org'), `{X}${winners[0]}`)
  })

  t.test(`${label}: a table of one's own, its name in two columns, compared letter by letter`, async t => {
    const made = await make(t)
    const binary = label === 'SQLite' ? '' : 'collate utf8mb4_bin'
    await made.execute(`create table mail_people (
      login varchar(64) ${binary}, dom varchar(64) ${binary}, secret varchar(255), enabled int)`)
    await made.execute(`insert into mail_people values
      ('Anna', 'Example.org', '{PLAIN}pa', 1), ('ánna', 'example.org', '{PLAIN}pa', 1), ('anna', 'x', '{PLAIN}pa', 1)`)
    const columns = { user: 'login', domain: 'dom', password: 'secret', active: 'enabled' }
    const { replace } = await open(t, made, 'mail_people', columns)
    t.same(await replace('anna@example.org', '{PLAIN}pa', '{X}new'), replaced)
    const other = await open(t, made, 'mail_people', columns)
    t.equal(await other.stored('anna@example.org'), '{X}new')
    t.equal(await other.stored('anna@x'), '{PLAIN}pa')
    t.equal(await other.stored('ánna@example.org'), '{PLAIN}pa')
  })

  t.test(`${label}: a user that is several rows is not written`, async t => {
    const made = await make(t)
    await made.execute('create table twins (name varchar(64), secret varchar(255))')
    await made.execute(`insert into twins values ('anna', '{PLAIN}pa'), ('anna', '{PLAIN}pa')`)
    const { replace } = await open(t, made, 'twins', { user: 'name', password: 'secret' })
    t.same(await replace('anna', '{PLAIN}pa', '{X}new'), changedMeanwhile)
  })

  t.test(`${label}: a value that the column cannot hold is refused or stored whole, never cut`, async t => {
    const made = await make(t)
    await made.execute('create table narrow (name varchar(64), secret varchar(20))')
    await made.execute(`insert into narrow values ('anna', '{PLAIN}pa')`)
    const { replace, stored } = await open(t, made, 'narrow', { user: 'name', password: 'secret' })
    const long = `{SHA512-CRYPT}${'x'.repeat(106)}`
    const outcome = await replace('anna', '{PLAIN}pa', long)
    t.equal(await stored('anna'), outcome.result === 'replaced' ? long : '{PLAIN}pa')
    t.equal(outcome.result, label === 'SQLite' ? 'replaced' : 'failed')
    t.notMatch(String('cause' in outcome && outcome.cause), /SHA512-CRYPT|xxx/)
  })

  t.test(
    `${label}: a table that cannot be written is a failure with its cause, and nothing changes`,
    async t => {
      const made = await make(t)
      const { replace, stored } = await open(t, made, 'local_users')
      await made.execute('alter table local_users rename to away')
      const outcome = await replace('anna@example.org', '{PLAIN}pa', '{X}new')
      t.match(outcome, { result: 'failed', cause: Error })
      t.notMatch(String('cause' in outcome && outcome.cause), /\{X\}new|\{PLAIN\}/)
      await made.execute('alter table away rename to local_users')
      t.equal(await stored('anna@example.org'), '{PLAIN}pa')
      t.same(await replace('anna@example.org', '{PLAIN}pa', '{X}new'), replaced, 'well again')
    },
  )

  t.test(`${label}: without a password column there is nothing to write`, async t => {
    const { passdb } = await open(t, await make(t), 'local_users', { password: '' })
    t.equal(passdb.replacePassword, undefined)
  })

  t.test(`${label}: all passwords are read page by page, and counted`, async t => {
    const made = await make(t)
    const columns = { user: 'username', password: 'password' }
    const rows = Array.from({ length: 2500 }, (_, i) => `('u${i}@example.org', '{PLAIN}${i}', 1)`)
    await made.execute(`insert into local_users (username, password, active) values ${rows.join(', ')}`)
    const normalise = (name: string) => name.toLowerCase()
    const table = databasesFor(t).open(made.url).accountTable({ table: 'local_users', columns, normalise })
    t.equal(await table.count(), 2503)
    const seen = new Map<string, string>()
    for await (const { user, stored } of table.passwords()) seen.set(user, stored)
    t.equal(seen.size, 2503)
    t.equal(seen.get('bob@example.org'), '{PLAIN}pb')
    t.equal(seen.get('u2499@example.org'), '{PLAIN}2499')
  })
})

t.test('MariaDB: columns in latin1 and in bytes are compared as they are', async t => {
  await eachBinaryTable(t)
})

async function eachBinaryTable(t: Test): Promise<void> {
  const { startMariadb, whyNoMariadb } = await import('../../system/mariadb-server.js')
  const reason = whyNoMariadb()
  if (reason) return void t.comment(reason)
  const server = await startMariadb()
  t.teardown(() => server.close())
  const name = `homing_replace_${process.pid}`
  const url = await server.createDatabase(name)
  const kinds = ['varchar(200) character set latin1', 'varbinary(200)', 'blob', 'text character set utf16']
  for (const [at, kind] of kinds.entries()) {
    const key = kind === 'blob' ? 'varbinary(64)' : kind.replace('200', '64').replace('text', 'varchar(64)')
    await server.execute(
      `create table t${at} (name ${key}, secret ${kind}); insert into t${at} values ('ünna', '{PLAIN}pä')`,
      name,
    )
    const { replace, stored } = await open(t, { url }, `t${at}`, { user: 'name', password: 'secret' })
    t.same(await replace('ünna', '{PLAIN}pa', '{X}new'), changedMeanwhile, kind)
    t.same(await replace('ünna', '{PLAIN}pä', '{X}new'), replaced, kind)
    t.equal(await stored('ünna'), '{X}new', kind)
  }
}
