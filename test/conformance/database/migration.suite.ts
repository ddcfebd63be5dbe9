// How every database behind Homing comes to its tables, and what is said of the rows that are there.

import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { DatabaseError } from '../../../src/database/database-error.js'
import type { Migration } from '../../../src/database/migration.js'
import { collect, type DatabaseMaker, defaultRules, openFor, proxyTable } from './test-database.js'

export function migrationSuite(label: string, { dialect, make }: DatabaseMaker): void {
  const migrated = async (t: Test) => {
    const { url, execute } = await make()
    const database = openFor(t, url)
    const outcome = await database.migrate()
    if (outcome.result !== 'done') throw new Error(JSON.stringify(outcome))
    return { url, execute, database }
  }

  t.test(`${label}: an empty database gets the tables once, and a dry run changes nothing`, async t => {
    const { url } = await make()
    const database = openFor(t, url)
    const planned = await database.migrate({ dryRun: true })
    t.equal(planned.result, 'done')
    t.same('steps' in planned && planned.steps.slice(0, 3).map(step => step.what), [
      'create table proxy_users',
      'create table local_users',
      'create table master_users',
    ])
    t.match(await database.accountTable(proxyTable).find('anna'), { found: 'error' }, 'there is no table yet')
    t.same(await database.migrate(), planned, 'what is done is what was said')
    t.same(await database.migrate(), { result: 'done', steps: [], notes: [] })
    t.same(await database.migrate({ dryRun: true }), { result: 'done', steps: [], notes: [] })
    t.same(await database.accountTable(proxyTable).find('anna'), { found: 'none' }, 'found without a restart')
  })

  t.test(`${label}: several copies that migrate at once do it once`, async t => {
    const { url } = await make()
    const copies = Array.from({ length: 5 }, () => openFor(t, url))
    const outcomes = await Promise.all(copies.map(copy => copy.migrate()))
    t.same(
      outcomes.map(outcome => outcome.result),
      ['done', 'done', 'done', 'done', 'done'],
    )
    const idle = outcomes.filter(outcome => 'steps' in outcome && outcome.steps.length === 0)
    t.equal(idle.length, 4)
  })

  t.test(`${label}: who finds another copy migrating waits for it, but not for ever`, async t => {
    const { url } = await make()
    const slow: Migration = {
      id: '0001-slow',
      plan: async () => {
        await sleep(600)
        return { steps: [], notes: [] }
      },
    }
    const first = openFor(t, url).migrate({ migrations: [slow] })
    await sleep(200)
    t.same(await openFor(t, url).migrate({ migrations: [slow], lockTimeoutMs: 50 }), { result: 'locked' })
    t.same(await openFor(t, url).migrate({ migrations: [slow] }), { result: 'done', steps: [], notes: [] })
    t.match(await first, { result: 'done' })
  })

  t.test(`${label}: a database that is newer than the program is left alone`, async t => {
    const { database, execute } = await migrated(t)
    await execute("insert into homing_migrations (id) values ('9999-from-the-future')")
    const expected = { result: 'newer', unknown: ['9999-from-the-future'] }
    t.same(await database.migrate(), expected)
    t.same(await database.migrate({ dryRun: true }), expected)
  })

  t.test(`${label}: a migration that broke off is completed by the next run`, async t => {
    const { url, execute } = await make()
    const database = openFor(t, url)
    const history = (second: string): Migration[] => [
      {
        id: '0001-first',
        plan: async tables => ({
          notes: [],
          steps: [
            { what: 'one', sql: 'create table one (a integer)' },
            { what: 'two', sql: second },
          ].filter(step => step.what !== 'one' || !seen.has('one') || tables.dialect === 'sqlite'),
        }),
      },
    ]
    const seen = new Set<string>()
    const broken = await database.migrate({ migrations: history('create table (') })
    t.match(broken, { result: 'failed', migration: '0001-first', step: 'two' })
    t.same('steps' in broken && broken.steps.map(step => step.what), ['one'])
    t.ok('cause' in broken && broken.cause instanceof DatabaseError)
    if (dialect === 'mysql') seen.add('one')
    t.match(await database.migrate({ migrations: history('create table two (a integer)') }), {
      result: 'done',
    })
    t.same(await execute('select * from one, two'), [])
  })

  t.test(`${label}: what cannot work as stored is reported by user`, async t => {
    const { database, execute } = await migrated(t)
    await execute(
      `insert into local_users (username, password) values ('cut', '${`{SHA512-CRYPT}$6$saltsalt$${'x'.repeat(86)}`.slice(0, 64)}'),
       ('fine', '{SHA512-CRYPT}$6$saltsalt$${'x'.repeat(86)}'), ('o''brien', '{PLAIN}secret-password')`,
    )
    await execute(
      `insert into master_users (user_name, domain_name, password) values ('proxy', 'example.org', '{SHA512}nU4eI71bcnBGqeO0t9tXvY1u5oQ=')`,
    )
    await execute(
      `insert into proxy_users (username, host, ssl_mode, port) values ('a', '', 'ssl', 143), ('b', 'h', 'ssl', 993)`,
    )
    const report = await collect(database.adoptionReport(defaultRules))
    t.same(report.map(({ table, user, problem }) => [table, user, problem]).sort(), [
      ['local_users', 'cut', 'password-cut-off'],
      ['local_users', "o'brien", 'unreachable-name'],
      ['master_users', 'proxy@example.org', 'password-wrong-length'],
      ['proxy_users', 'a', 'empty-host'],
      ['proxy_users', 'a', 'ssl-on-port-143'],
    ])
    t.notMatch(JSON.stringify(report), /\$6\$|secret-password|nU4e/)
  })
}
