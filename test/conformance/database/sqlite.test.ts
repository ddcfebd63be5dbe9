import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import t from 'tap'
import { changesSuite } from './changes.suite.js'
import { databaseSuite } from './database.suite.js'
import { migrationSuite } from './migration.suite.js'
import type { DatabaseMaker } from './test-database.js'

const folder = await mkdtemp(join(tmpdir(), 'homing-sqlite-'))
t.teardown(() => rm(folder, { recursive: true }))
let count = 0

const maker: DatabaseMaker = {
  dialect: 'sqlite',
  make: async () => {
    const path = join(folder, `${++count}.db`)
    const execute = async (sql: string) => {
      const database = new Database(path)
      try {
        const statement = database.prepare(sql)
        if (statement.reader) return statement.all() as Record<string, unknown>[]
        statement.run()
        return []
      } finally {
        database.close()
      }
    }
    return { url: `sqlite:${path}`, execute }
  },
}
migrationSuite('SQLite', maker)
databaseSuite('SQLite', maker)
changesSuite('SQLite', maker)
