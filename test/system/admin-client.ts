// A real service with an admin door, and somebody who asks it.

import { join } from 'node:path'
import Database from 'libsql'
import type { Test } from 'tap'
import { freePorts } from './free-ports.js'
import { type EmptyDatabase, type RunningHoming, startHoming } from './homing.js'
import { startMariadb } from './mariadb-server.js'
import { needs } from './parts.js'

export interface AdminAnswer {
  readonly status: number
  readonly etag: string | null
  /** What is not JSON is under `text`. */
  readonly body: Record<string, unknown>
}

export type AskAdmin = (
  method: string,
  path: string,
  body?: object,
  headers?: Record<string, string>,
) => Promise<AdminAnswer>

export interface RunningAdmin {
  readonly homing: RunningHoming
  readonly ask: AskAdmin
  /** Where the door is: `http://127.0.0.1:…/v1/admin`. */
  readonly url: string
  /** What its database holds. */
  rows(sql: string): Promise<Rows>
}

/** For the header of whoever may only look. */
export const reader = { authorization: 'Bearer read' }

/** Starts it with these further lines of homing.toml. Ends with the test. */
export async function startAdmin(t: Test, database?: StoredDatabase, config = ''): Promise<RunningAdmin> {
  const [port = 0] = await freePorts(1)
  const homing = await startHoming({
    ...(database && { database }),
    config: `admin_listen = ["127.0.0.1:${port}"]\nadmin_token = "write"\nadmin_read_token = "read"\n${config}`,
  })
  t.teardown(() => homing.close())
  await homing.waitForLog('"msg":"ready"')
  const url = `http://127.0.0.1:${port}/v1/admin`
  return {
    homing,
    url,
    ask: asking(url),
    rows: async sql => (database ? database.execute(sql) : sqliteRows(homing, sql)),
  }
}

function sqliteRows({ socketFolder }: RunningHoming, sql: string): Rows {
  const connection = new Database(join(socketFolder, 'homing.db'), { timeout: 5000 })
  try {
    return connection.prepare(sql).all() as Rows
  } finally {
    connection.close()
  }
}

const asking =
  (url: string): AskAdmin =>
  async (method, path, body, headers = {}) => {
    const answer = await fetch(`${url}/${path}`, {
      method,
      headers: {
        authorization: 'Bearer write',
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    const json = answer.headers.get('content-type')?.startsWith('application/json') ?? false
    return {
      status: answer.status,
      etag: answer.headers.get('etag'),
      body: json ? (JSON.parse(text) as Record<string, unknown>) : { text },
    }
  }

type Rows = readonly Record<string, unknown>[]

export interface StoredDatabase extends EmptyDatabase {
  execute(sql: string): Promise<Rows>
}

/** The same tests over SQLite, and over a MariaDB with an empty database for each; `database` is undefined for the first. */
export function onBothDatabases(
  t: Test,
  suite: (t: Test, database: () => Promise<StoredDatabase | undefined>) => void,
): void {
  t.test('SQLite', async t => suite(t, async () => undefined))
  t.test('MariaDB', async t => {
    if (!needs(t, 'mariadb')) return
    const server = await startMariadb()
    t.teardown(() => server.close())
    let count = 0
    suite(t, async () => {
      const name = `admin${++count}`
      return {
        url: await server.createDatabase(name),
        execute: sql => server.execute(sql, name),
      }
    })
  })
}
