// The guide's tables with a few users in them, in real databases: for the sql drivers' suites.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import t, { type Test } from 'tap'
import type { AccountSources } from '../../../src/database/open-database.js'
import { startMariadb, whyNoMariadb } from '../../system/mariadb-server.js'
import { databasesFor, type TestDatabase } from '../database/test-database.js'

export interface AccountsUnderTest {
  readonly databases: AccountSources
  readonly url: string
  readonly execute: TestDatabase['execute']
}

/** Makes migrated tables with anna, Bob (stored with a capital) and off, who is disabled. */
export type MakeAccounts = (t: Test) => Promise<AccountsUnderTest>

const rows = [
  `insert into local_users (username, password, home, uid, gid, active) values
    ('anna@example.org', '{PLAIN}pa', '/srv/anna', '5000', 'vmail', 1),
    ('Bob@Example.org', '{PLAIN}pb', null, null, null, 1),
    ('off@example.org', '{PLAIN}po', '/srv/off', '5000', 'vmail', 0)`,
]

/** Runs the tests once for each kind of database that this machine has, and says which it has not. */
export async function eachDatabase(run: (label: string, make: MakeAccounts) => void): Promise<void> {
  const reason = whyNoMariadb()
  // Before the first test: tap ends a file whose tests are done while something is still being waited for.
  const sqlite = await sqliteMaker()
  const mariadb = reason === undefined ? await mariadbMaker() : undefined
  run('SQLite', sqlite)
  if (mariadb) run('MariaDB', mariadb)
  else t.test('MariaDB', { skip: reason ?? true }, () => {})
}

async function fill(t: Test, { url, execute }: TestDatabase): Promise<AccountsUnderTest> {
  const databases = databasesFor(t)
  await databases.open(url).migrate()
  for (const statement of rows) await execute(statement)
  return { databases, url, execute }
}

async function sqliteMaker(): Promise<MakeAccounts> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-accounts-'))
  t.teardown(() => rm(folder, { recursive: true }))
  let count = 0
  return t => {
    const path = join(folder, `${++count}.db`)
    const execute = async (sql: string) => {
      const database = new Database(path)
      database.prepare(sql).run()
      database.close()
      return []
    }
    return fill(t, { url: `sqlite:${path}`, execute })
  }
}

async function mariadbMaker(): Promise<MakeAccounts> {
  const server = await startMariadb()
  t.teardown(() => server.close())
  let count = 0
  return async t => {
    const name = `homing_accounts_${process.pid}_${++count}`
    const url = await server.createDatabase(name)
    return fill(t, { url, execute: sql => server.execute(sql, name) })
  }
}
