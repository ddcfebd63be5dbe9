import t from 'tap'
import { startMariadb, whyNoMariadb } from '../../system/mariadb-server.js'
import { changesSuite } from './changes.suite.js'
import { databaseSuite } from './database.suite.js'
import { migrationSuite } from './migration.suite.js'
import type { DatabaseMaker } from './test-database.js'

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
  migrationSuite('MariaDB', maker)
  databaseSuite('MariaDB', maker)
  changesSuite('MariaDB', maker)
}
