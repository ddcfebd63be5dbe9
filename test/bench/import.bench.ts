// npm run bench -- import [--rows N]
//
// Accounts per second from a CSV file into SQLite and MariaDB, everything checked, by the program itself.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startMariadb, whyNoMariadb } from '../system/mariadb-server.js'

const { values } = parseArgs({ options: { rows: { type: 'string', default: '200000' } } })
const rows = Number(values.rows)
const program = fileURLToPath(new URL('../../src/cli/homing.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'homing-import-'))

function homing(url: string, args: readonly string[]): number {
  const startedAt = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH, HOMING_DATABASE_URL: url },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`homing ${args[0]} ended with ${status}: ${stderr}`)
  return (performance.now() - startedAt) / 1000
}

function csvFile(): string {
  const path = join(folder, 'users.csv')
  const hash = `{SHA512-CRYPT}$6$saltsaltsaltsalt$${'a'.repeat(85)}.`
  const lines = Array.from(
    { length: rows },
    (_, i) => `user${i}@example${i % 100}.org,backend${i % 10}.example.org,,starttls,,${hash}`,
  )
  writeFileSync(path, ['username,host,port,ssl_mode,destuser,password', ...lines, ''].join('\n'))
  return path
}

function measure(name: string, url: string, file: string, goal: number): void {
  const seconds = homing(url, ['proxy-user', 'import', file])
  const rate = Math.round(rows / seconds)
  console.log(`${name}: ${rows} accounts in ${seconds.toFixed(1)} s, ${rate} per second (goal: ${goal})`)
}

try {
  const file = csvFile()
  measure('SQLite', `sqlite:${join(folder, 'homing.db')}`, file, 20_000)
  const missing = whyNoMariadb()
  if (missing !== undefined) console.log(`MariaDB: not measured, ${missing}`)
  else {
    const server = await startMariadb()
    try {
      const url = await server.createDatabase('import')
      homing(url, ['migrate'])
      measure('MariaDB', url, file, 10_000)
    } finally {
      await server.close()
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
