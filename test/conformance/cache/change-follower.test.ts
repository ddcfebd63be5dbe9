// A copy that follows the changes in a real MariaDB misses none, whatever the order in which they become visible.

import { setTimeout as sleep } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import t, { type Test } from 'tap'
import { followChanges } from '../../../src/cache/change-follower.js'
import { systemClock } from '../../../src/model/clock.js'
import { type MariadbServer, startOwnMariadb } from '../../system/mariadb-server.js'
import { needs } from '../../system/parts.js'
import { databasesFor } from '../database/test-database.js'

const INTERVAL_MS = 100

t.test('changes in MariaDB', { timeout: 60_000 }, async t => {
  if (!needs(t, 'mariadb')) return
  const server = await startOwnMariadb()
  t.teardown(() => server.close())

  t.test('a transaction that takes its id first and commits last is not missed', async t => {
    const { write, connect, heard } = await follow(t, server, 'order')
    const [early, late] = [await connect(), await connect()]
    await late.query('begin')
    await late.query(insert('slow@example.org'))
    await early.query(insert('quick@example.org'))
    await heard.until('set quick@example.org')
    for (let i = 0; i < 20; i++) await write(insert(`between${i}@example.org`))
    await heard.until('set between19@example.org')
    t.notOk(heard.all.includes('set slow@example.org'), 'it is not committed yet')
    const committedAt = performance.now()
    await late.query('commit')
    await heard.until('set slow@example.org')
    t.ok(performance.now() - committedAt < 1000)
    t.same(heard.missed, ['it is followed from now on'], 'and nothing else was flushed')
    t.equal(new Set(heard.all).size, heard.all.length, 'each is heard once')
  })

  t.test('many writers at once, some of whom give up', async t => {
    const { connect, heard } = await follow(t, server, 'writers')
    const expected: string[] = []
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      const connection = await connect()
      for (let i = 0; i < 40; i++) {
        const user = `w${writer}-${i}@example.org`
        await connection.query('begin')
        await connection.query(insert(user))
        await sleep((i * 7 + writer * 13) % 30)
        const commits = (i + writer) % 5 !== 0
        await connection.query(commits ? 'commit' : 'rollback')
        if (commits) expected.push(`set ${user}`)
      }
    })
    await Promise.all(writers)
    await sleep(5 * INTERVAL_MS)
    t.same([...heard.all].sort(), expected.sort())
    t.same(heard.missed, ['it is followed from now on'])
  })

  t.test('whoever may have missed something takes everything for changed', async t => {
    const { write, heard } = await follow(t, server, 'lost')
    for (const user of ['a', 'b', 'c']) await write(insert(user))
    await heard.until('set c')
    await write(`delete from homing_changes; ${insert('after the pruning')}`)
    await heard.untilMissed(2)
    await write(insert('d'))
    await heard.until('set d')
    await write('delete from homing_changes where username = "d"')
    await heard.untilMissed(3)
    t.match(heard.warnings, [/auth cache is flushed/, /auth cache is flushed/])
  })

  t.test('a database that was not migrated is told of once, and followed when it is', async t => {
    const { heard, database, follower } = await follow(t, server, 'foreign', false)
    await heard.untilWarned(1)
    await sleep(5 * INTERVAL_MS)
    t.match(heard.warnings, [/changes cannot be followed.*homing migrate/], 'once')
    t.equal(follower.lookedAt(), undefined)
    t.same(heard.missed, [])
    await database.migrate()
    t.match(await database.changes.newest(1), { result: 'rows' })
  })

  t.test('a database that is down for a while: what was changed meanwhile is heard', async t => {
    const { write, heard } = await follow(t, server, 'down')
    await write(insert('before'))
    await heard.until('set before')
    server.hang()
    await heard.untilWarned(1)
    server.resume()
    await write(insert('during'))
    await heard.until('set during')
    t.equal(heard.warnings.length, 1, heard.warnings.join('\n'))
  })
})

const insert = (user: string) =>
  `insert into homing_changes (account_table, username, kind) values ('local_users', '${user}', 'set')`

async function follow(t: Test, server: MariadbServer, name: string, migrates = true) {
  const url = await server.createDatabase(name)
  const database = databasesFor(t).open(url)
  if (migrates) await database.migrate()
  const heard = { all: [] as string[], missed: [] as string[], warnings: [] as string[] }
  const follower = followChanges({
    log: database.changes,
    clock: systemClock,
    intervalMs: INTERVAL_MS,
    news: rows => heard.all.push(...rows.map(({ kind, user }) => `${kind} ${user}`)),
    missed: why => heard.missed.push(why),
    warn: line => heard.warnings.push(line),
  })
  t.teardown(() => follower.stop())
  const until = async (what: string, holds: () => boolean) => {
    for (let tries = 0; tries < 500 && !holds(); tries++) await sleep(20)
    if (!holds()) throw new Error(`${what}: ${JSON.stringify(heard)}`)
  }
  if (migrates) await until('it begins', () => heard.missed.length === 1)
  return {
    database,
    follower,
    write: (sql: string) => server.execute(sql, name),
    connect: async () => {
      const { host, port, user, password } = server
      const connection = await mysql.createConnection({ host, port, user, password, database: name })
      t.teardown(() => connection.end())
      return connection
    },
    heard: {
      ...heard,
      until: (text: string) => until(text, () => heard.all.includes(text)),
      untilMissed: (times: number) => until('missed', () => heard.missed.length === times),
      untilWarned: (times: number) => until('warned', () => heard.warnings.length === times),
    },
  }
}
