import t from 'tap'
import { startMariadb, whyNoMariadb } from '../../system/mariadb-server.js'
import { databaseSuite } from './database.suite.js'

const reason = whyNoMariadb()
if (reason) {
  t.test('MariaDB', { skip: reason }, () => {})
} else {
  const server = await startMariadb()
  t.teardown(() => server.close())
  let count = 0
  databaseSuite('MariaDB', {
    dialect: 'mysql',
    make: async () => {
      const name = `homing_conformance_${process.pid}_${++count}`
      const url = await server.createDatabase(name)
      return { url, execute: sql => server.execute(sql, name) }
    },
  })
}
