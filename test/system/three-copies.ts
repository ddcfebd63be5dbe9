// Three copies of the service on one MariaDB, and the command line beside them.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { type RunningHoming, startHoming } from './homing.js'
import { type MariadbServer, startOwnMariadb } from './mariadb-server.js'

const program = join(import.meta.dirname, '../../src/cli/homing.js')
const DATABASE = 'copies'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface ThreeCopies {
  readonly mariadb: MariadbServer
  readonly copies: readonly RunningHoming[]
  execute(sql: string): Promise<Record<string, unknown>[]>
  /** `homing ARGS` with the settings of the copies; the input is its stdin. */
  homing(args: readonly string[], input?: string): Promise<Ran>
  /** Another copy beside them. */
  startCopy(config?: string): Promise<RunningHoming>
}

/** `config`: lines for homing.toml; `environment`: the same for the command line. */
export async function startThreeCopies(
  t: Test,
  config: string,
  environment: Readonly<Record<string, string>>,
): Promise<ThreeCopies> {
  const mariadb = await startOwnMariadb()
  t.teardown(() => mariadb.close())
  const url = await mariadb.createDatabase(DATABASE)
  const execute = (sql: string) => mariadb.execute(sql, DATABASE)
  const startCopy = async (own = config) => {
    const copy = await startHoming({
      database: { url, execute },
      config: `${cached}${own}${chain}`,
    })
    t.teardown(() => copy.close())
    return copy
  }
  const copies = [await startCopy()]
  copies.push(...(await Promise.all([startCopy(), startCopy()])))
  return {
    mariadb,
    copies,
    execute,
    startCopy,
    homing: (args, input = '') =>
      new Promise(resolve => {
        const env = { PATH: process.env.PATH ?? '', HOMING_DATABASE_URL: url, ...environment }
        const child = execFile(process.execPath, [program, ...args], { env, cwd: '/' }, (error, out, err) =>
          resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
        )
        child.stdin?.end(input)
      }),
  }
}

const cached = `
auth_cache_size = "16M"
auth_cache_ttl = "1 hour"
auth_cache_negative_ttl = "1 hour"
`
const chain = `
[[passdb]]
name = "local"
driver = "sql"
table = "local_users"
result_failure = "return-fail"
`

/** Dovecot's word for what became of a login, and when it was asked. */
export async function login({ url, token }: RunningHoming, user: string, password: string): Promise<string> {
  const reply = await fetch(`${url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ user, password, protocol: 'imap', mechanism: 'PLAIN', secured: 'tls' }),
  })
  const { result } = (await reply.json()) as { result: string }
  return result
}

/**
 * Logs in with this password on every copy, over and over, until each has refused it; for how long after `changedAt`
 * (asked for at the end, in ms since 1970) any of them let it in.
 */
export async function letInAfter(
  copies: readonly RunningHoming[],
  user: string,
  password: string,
  change: () => Promise<void>,
  changedAt: () => Promise<number>,
): Promise<number> {
  let lastLetIn = 0
  const until = Date.now() + 20_000
  const watching = copies.map(async copy => {
    for (;;) {
      const askedAt = Date.now()
      const result = await login(copy, user, password)
      if (result === 'password_mismatch') return
      if (result !== 'ok' || askedAt > until) throw new Error(`${result} for a password that was changed`)
      lastLetIn = Math.max(lastLetIn, askedAt)
      await sleep(10)
    }
  })
  await change()
  await Promise.all(watching)
  return lastLetIn - (await changedAt())
}
