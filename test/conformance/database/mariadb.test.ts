import t from 'tap'
import { startMariadb, whyNoMariadb } from '../../system/mariadb-server.js'
import { changesSuite } from './changes.suite.js'
import { databaseSuite } from './database.suite.js'
import { migrationSuite } from './migration.suite.js'
import { type DatabaseMaker, openFor } from './test-database.js'

const reason = whyNoMariadb()
if (reason) {
  t.test('MariaDB', { skip: reason }, () => {})
} else {
  const server = await startMariadb()
  t.teardown(() => server.close())
  let count = 0
  const maker: DatabaseMaker = {
    dialect: 'mysql',
    make: async () => {
      const name = `homing_conformance_${process.pid}_${++count}`
      const url = await server.createDatabase(name)
      return { url, execute: sql => server.execute(sql, name) }
    },
  }
  t.test('MariaDB: every table of ours has transactions, whatever the server makes by default', async t => {
    const { url, execute } = await maker.make()
    await execute("set global default_storage_engine = 'MyISAM'")
    t.teardown(() => execute("set global default_storage_engine = 'InnoDB'"))
    t.match(await openFor(t, url).migrate(), { result: 'done' })
    const tables = await execute(
      "select table_name as name from information_schema.tables where table_schema = database() and engine <> 'InnoDB'",
    )
    t.same(tables, [])
  })
  migrationSuite('MariaDB', maker)
  databaseSuite('MariaDB', maker)
  changesSuite('MariaDB', maker)
}
