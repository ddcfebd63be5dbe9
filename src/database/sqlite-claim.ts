// One running service per SQLite file: two would each keep what the other does not know of.

import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'libsql'
import { errorCode } from './database-error.js'

export interface SqliteClaim {
  release(): void
}

/**
 * Claims the file for this process, until release or until the process ends, however it ends: the kernel lifts the lock
 * that SQLite holds on a file beside it. undefined: another process has it. Commands, which come and go, claim nothing.
 */
export function claimSqliteFile(path: string): SqliteClaim | undefined {
  let beside: Database.Database | undefined
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
    beside = new Database(`${path}-serve`)
    beside.exec('begin exclusive')
  } catch (cause) {
    beside?.close()
    if (errorCode(cause).startsWith('SQLITE_BUSY')) return undefined
    // Where nothing can be written nobody changes anything under another one's hands.
  }
  return { release: () => beside?.close() }
}
