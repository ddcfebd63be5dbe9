// Every change of an account is written down with it, on every database.

import t, { type Test } from 'tap'
import type { ChangeRow } from '../../../src/database/change-log.js'
import type { AccountChange } from '../../../src/database/record-change.js'
import { type DatabaseMaker, databasesFor, lower } from './test-database.js'

export function changesSuite(label: string, { dialect, make }: DatabaseMaker): void {
  const open = async (t: Test, options: { readonly migrates?: boolean } = {}) => {
    const { url, execute } = await make()
    const told: AccountChange[] = []
    const warnings: string[] = []
    const databases = databasesFor(
      t,
      {},
      line => warnings.push(line),
      change => told.push(change),
    )
    const database = databases.open(url)
    await database.migrate()
    if (options.migrates === false) await execute('drop table homing_changes')
    const users = database.accounts('local_users', lower, 'test')
    const passwords = database.accountTable({
      table: 'local_users',
      columns: { user: 'username', password: 'password' },
      normalise: lower,
    })
    const rows = async () => {
      const read = await database.changes.newest(100)
      if (read.result !== 'rows') throw read.cause
      return read.rows
    }
    return { database, users, passwords, execute, rows, told, warnings }
  }
  const said = (rows: readonly ChangeRow[]) => rows.map(({ kind, user }) => `${kind} ${user}`)

  t.test(`${label}: what changes an account is written down, what does not is not`, async t => {
    const { users, passwords, rows, told, warnings } = await open(t)
    await users.add('anna', { password: '{PLAIN}a', home: '/a' })
    t.equal(await users.add('anna', { password: '{PLAIN}b' }), 'exists')
    await users.set('anna', { password: '{PLAIN}b' })
    t.equal(await users.set('nobody', { password: '{PLAIN}b' }), 'not_found')
    t.same(await passwords.replacePassword('anna', '{PLAIN}b', '{PLAIN}c'), { result: 'replaced' })
    t.same(await passwords.replacePassword('anna', '{PLAIN}b', '{PLAIN}d'), { result: 'changed_meanwhile' })
    await users.importBatch({
      accounts: ['anna', 'ben', 'ünna'].map(user => ({ user, values: { password: '{PLAIN}x' } })),
      existing: 'skip',
      dryRun: false,
    })
    await users.importBatch({
      accounts: [{ user: 'carl', values: { password: '{PLAIN}x' } }],
      existing: 'skip',
      dryRun: true,
    })
    await users.delete('anna')
    t.equal(await users.delete('anna'), 'not_found')
    await users.show('ben')

    const expected = ['add anna', 'set anna', 'rehash anna', 'import ben', 'import ünna', 'delete anna']
    t.same(said(await rows()), expected)
    t.same(
      told.flatMap(({ kind, users }) => users.map(user => `${kind} ${user}`)),
      expected,
      'and told once it is committed',
    )
    t.same(warnings, [])
  })

  t.test(`${label}: ids grow, and are read from any of them on`, async t => {
    const { database, users, rows } = await open(t)
    for (const user of ['a', 'b', 'c', 'd']) await users.add(user, { home: '/x' })
    const all = await rows()
    t.ok(all.every(({ id }, at) => at === 0 || id > (all[at - 1]?.id ?? 0)))
    t.same(await database.changes.newest(2), { result: 'rows', rows: all.slice(2) })
    t.same(await database.changes.from(all[1]?.id ?? 0, 2), { result: 'rows', rows: all.slice(1, 3) })
  })

  t.test(`${label}: a change that is not made is not written down`, async t => {
    const { users, rows, told } = await open(t)
    const impossible = dialect === 'mysql' ? { uid: 'x'.repeat(70) } : { active: null as never }
    await t.rejects(users.add('anna', impossible))
    t.same(await rows(), [])
    t.same(told, [])
  })

  t.test(`${label}: where there is no table of changes accounts are changed all the same`, async t => {
    const { database, users, passwords, told, warnings } = await open(t, { migrates: false })
    t.equal(await users.add('anna', { password: '{PLAIN}a' }), 'added')
    t.same(await passwords.replacePassword('anna', '{PLAIN}a', '{PLAIN}b'), { result: 'replaced' })
    t.match(await passwords.find('anna'), { found: 'one', row: { values: { password: '{PLAIN}b' } } })
    t.equal(told.length, 2, 'others can still be told')
    t.equal(warnings.length, 1, warnings.join('\n'))
    t.match(warnings[0], /homing_changes cannot be written.*homing migrate/)
    t.match(await database.changes.newest(1), { result: 'absent' })
  })

  t.test(`${label}: the table does not grow for ever`, async t => {
    const { users, execute, database } = await open(t)
    await execute(
      "insert into homing_changes (id, account_table, username, kind) values (1, 't', 'old', 'set')",
    )
    await execute(
      "insert into homing_changes (id, account_table, username, kind) values (25000, 't', 'new', 'set')",
    )
    const accounts = Array.from({ length: 300 }, (_, at) => ({ user: `u${at}`, values: { home: '/' } }))
    await users.importBatch({ accounts, existing: 'skip', dryRun: false })
    const read = await database.changes.from(0, 2)
    t.match(read, { result: 'rows', rows: [{ id: 25000 }, { id: 25001 }] })
  })

  t.test(`${label}: copies say that they run, are asked, and answer`, async t => {
    const { database, rows } = await open(t)
    const { copies } = database
    await copies.beat('one')
    await copies.beat('two')
    await copies.beat('one')
    t.same(await copies.live(), ['one', 'two'])
    await copies.leave('two')
    t.same(await copies.live(), ['one'])
    const requests = await copies.ask('flush', ['anna', 'b*'])
    t.equal(requests.length, 2)
    t.same(said(await rows()), ['flush anna', 'flush b*'])
    const [everybody = 0] = await copies.ask('flush', [])
    t.same(said(await rows()).at(-1), 'flush ')
    await copies.answer(requests.map(request => ({ request, copy: 'one', answer: '{"entries":1}' })))
    const answers = await copies.answers([...requests, everybody])
    t.same(
      answers.map(({ request, copy }) => ({ request, copy })),
      requests.map(request => ({ request, copy: 'one' })),
    )
  })
}
