// The embedded database when things go wrong: disks that are full, other processes, power that fails.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import t, { type Test } from 'tap'
import { collect, lower, openFor } from '../conformance/database/test-database.js'

const proxyTable = { table: 'proxy_users', columns: { user: 'username', host: 'host' }, normalise: lower }

async function migrated(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'homing-sqlite-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'data', 'homing.db')
  const database = openFor(t, `sqlite:${path}`)
  const outcome = await database.migrate()
  if (outcome.result !== 'done') throw new Error(JSON.stringify(outcome))
  const accounts = database.accounts('proxy_users', lower, 'test')
  await accounts.add('anna', { host: 'h' })
  return { path, database, accounts, table: database.accountTable(proxyTable) }
}

t.test('the file and its folder are made, and only their owner reads the file', async t => {
  const { path } = await migrated(t)
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.equal((await stat(`${path}-wal`)).mode & 0o777, 0o600)
  t.equal((await stat(join(path, '..'))).mode & 0o007, 0)
})

t.test('a dry run on a file that is not there leaves it so', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'homing-sqlite-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'homing.db')
  t.match(await openFor(t, `sqlite:${path}`).migrate({ dryRun: true }), {
    result: 'done',
    steps: [{ what: 'create table proxy_users' }],
  })
  await t.rejects(stat(path))
})

t.test('lookups and writes see what another process did, and wait for none of its locks in vain', async t => {
  const { path, table, accounts } = await migrated(t)
  const other = new Database(path)
  t.teardown(() => other.close())
  t.match(await table.find('anna'), { found: 'one' })
  other.exec("update proxy_users set host = 'other'")
  t.match(await table.find('anna'), { row: { values: { host: 'other' } } })

  other.exec('begin immediate')
  other.exec("insert into proxy_users (username, host) values ('bob', 'h')")
  t.match(await table.find('anna'), { found: 'one' }, 'a writer keeps no reader waiting')
  t.match(await table.find('bob'), { found: 'none' })
  const adding = accounts.add('eve', { host: 'h' })
  await sleep(100)
  t.match(await table.find('anna'), { found: 'one' }, 'nor does our own waiting write')
  other.exec('commit')
  t.equal(await adding, 'added')
  t.same((await collect(table.list('*'))).sort(), ['anna', 'bob', 'eve'])
})

t.test(
  'a table that is known answers at once, and is looked at anew when its columns have changed',
  async t => {
    const { path, table } = await migrated(t)
    t.match(await table.find('anna'), { found: 'one' })
    t.match(table.find('anna'), { found: 'one', row: { values: { host: 'h' } } }, 'this is no promise')
    t.match(table.find('bob'), { found: 'none' })
    const other = new Database(path)
    t.teardown(() => other.close())
    other.exec('alter table proxy_users rename column host to backend')
    t.match(await table.find('anna'), { found: 'error', cause: { message: /no such column: host/ } })
    other.exec('alter table proxy_users rename column backend to host')
    t.match(await table.find('anna'), { found: 'one' })
  },
)

t.test('another process that closes the database takes nothing from us', async t => {
  const { path, table, accounts } = await migrated(t)
  t.match(await table.find('anna'), { found: 'one' })
  const change = `const database = new (require('libsql'))(process.argv[1])
    database.exec("update proxy_users set host = 'other'")
    database.close()`
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  t.equal(spawnSync(process.execPath, ['-e', change, path], { cwd }).status, 0)
  t.match(await table.find('anna'), { row: { values: { host: 'other' } } }, 'its change is seen')
  await accounts.add('bob', { host: 'h' })
  const look = `console.log(new (require('libsql'))(process.argv[1]).prepare('select username from proxy_users').all().length)`
  const seen = spawnSync(process.execPath, ['-e', look, path], { cwd, encoding: 'utf8' })
  t.equal(seen.stdout.trim(), '2', 'and what we write afterwards is in the file')
})

t.test('readers hold nothing that keeps the write-ahead log growing', async t => {
  const { path, table } = await migrated(t)
  for (let i = 0; i < 50; i++) await Promise.all([table.find('anna'), table.find(`nobody${i}`)])
  await collect(table.list('*'))
  const other = new Database(path)
  t.teardown(() => other.close())
  other.exec("update proxy_users set host = 'other'")
  t.match(other.pragma('wal_checkpoint(TRUNCATE)'), [{ busy: 0 }])
})

t.test(
  'a full disk: writes fail and say so, lookups go on, and writes work again when there is room',
  async t => {
    const folder = await mkdtemp(join(tmpdir(), 'homing-sqlite-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder])
    if (mount.status !== 0) {
      t.comment('not shown: only root can mount a small disk')
      return
    }
    t.teardown(() => spawnSync('umount', ['-l', folder]))
    const path = join(folder, 'homing.db')
    const database = openFor(t, `sqlite:${path}`)
    await database.migrate()
    const accounts = database.accounts('proxy_users', lower, 'test')
    const table = database.accountTable(proxyTable)
    await accounts.add('anna', { host: 'h' })
    await writeFile(join(folder, 'ballast'), Buffer.alloc(600_000)).catch(() => {})
    const big = 'x'.repeat(100_000)
    await t.rejects(accounts.add('big', { host: big }), { code: /^SQLITE_(FULL|IOERR)/, temporary: true })
    t.match(await table.find('anna'), { found: 'one' })
    t.match(await table.find('big'), { found: 'none' }, 'nothing is half done')
    t.equal(await database.ping(), true)
    await rm(join(folder, 'ballast'))
    t.equal(await accounts.add('big', { host: big }), 'added')
    t.match(new Database(path).pragma('integrity_check'), [{ integrity_check: 'ok' }])
  },
)

t.test('what is no database is an error, not an empty one, and is not overwritten', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'homing-sqlite-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'letter.txt')
  const letter = 'Dear database, this is a letter. '.repeat(100)
  await writeFile(path, letter)
  const database = openFor(t, `sqlite:${path}`)
  t.match(await database.accountTable(proxyTable).find('anna'), {
    found: 'error',
    cause: { code: 'SQLITE_NOTADB', temporary: false },
  })
  t.match(await database.migrate(), { result: 'failed', cause: { code: 'SQLITE_NOTADB' } })
  t.equal(await database.ping(), false)
  t.equal(await readFile(path, 'utf8'), letter)
})

t.test('a file that cannot be opened is an error, and is opened once it can be', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'homing-sqlite-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'in-the-way'), '')
  const blocked = openFor(t, `sqlite:${join(folder, 'in-the-way', 'homing.db')}`)
  const table = blocked.accountTable(proxyTable)
  t.match(await table.find('anna'), { found: 'error' })
  await rm(join(folder, 'in-the-way'))
  t.match(await blocked.migrate(), { result: 'done' })
  t.same(await table.find('anna'), { found: 'none' })
})

t.test(
  'a process killed while it writes loses nothing that was acknowledged',
  { timeout: 240_000 },
  async t => {
    const { path, database } = await migrated(t)
    const writer = fileURLToPath(new URL('./fixtures/sqlite-writer.js', import.meta.url))
    let next = 0
    for (let run = 0; run < 10; run++) {
      const child = spawn(process.execPath, [writer, path, String(next)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const acknowledged = await killSoon(child, 40 + run * 25)
      for (const name of acknowledged)
        t.match(await database.accountTable(proxyTable).find(name), { found: 'one' }, name)
      t.match(new Database(path).pragma('integrity_check'), [{ integrity_check: 'ok' }])
      next += acknowledged.length + 1
    }
    t.ok(next > 20, `${next} accounts were written`)
  },
)

/** The names that the writer said it had added, when it was killed so many milliseconds after its first. */
async function killSoon(child: ChildProcess, afterMs: number): Promise<string[]> {
  let output = ''
  child.stdout?.on('data', data => {
    output += data
  })
  if (child.stdout) await once(child.stdout, 'data')
  await sleep(afterMs)
  child.kill('SIGKILL')
  await once(child, 'close')
  return output.split('\n').slice(0, -1)
}
