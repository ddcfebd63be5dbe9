// One database, and two who cache what it says: Homing, and a real Dovecot 2.3 with `passdb sql`.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { type RunningHoming, startHoming } from '../../system/homing.js'
import { type MariadbServer, startOwnMariadb } from '../../system/mariadb-server.js'
import { needs } from '../../system/parts.js'
import { askLogins, type Reply } from '../chain/auth-socket.js'
import { type DovecotAuth, startDovecotAuth } from '../chain/dovecot-auth.js'

const DATABASE = 'caches'

/** Long enough that no step of a sequence is late on a busy machine. */
export const ttl = { positiveMs: 20_000, negativeMs: 10_000 }

/** Dovecot counts whole seconds, so that an entry may live a second longer. */
export const SPARE_MS = 1500

/** `temporary`: trouble on the server's side; the client tries again. */
export type Answer = 'ok' | 'refused' | 'temporary'

export interface TwoCaches {
  readonly homing: RunningHoming
  readonly dovecot: DovecotAuth
  setPassword(user: string, password: string): Promise<void>
  deleteUser(user: string): Promise<void>
  /** From here on every query is an error. */
  breakDatabase(): Promise<unknown>
  /** The opposite of breakDatabase. */
  mendDatabase(): Promise<unknown>
  askHoming(user: string, password: string, session: string): Promise<Answer>
  askDovecot(user: string, password: string): Promise<Answer>
  /** How often Dovecot has asked the database about this user. */
  dovecotQueries(user: string): Promise<number>
  /** What Homing's log says of the passdb for this session: `local:ok/hit`. */
  homingTrace(session: string): Promise<string>
  signalDovecot(signal: NodeJS.Signals): void
}

/** Starts all three; undefined, with the test skipped or failed, where a part is missing. */
export async function startTwoCaches(t: Test): Promise<TwoCaches | undefined> {
  if (!needs(t, 'dovecot-2.3', 'mariadb')) return undefined
  if (!existsSync('/usr/lib/dovecot/modules/auth/libdriver_mysql.so')) {
    t.plan(0, 'Dovecot’s mysql driver is not installed (dovecot-mysql)')
    return undefined
  }
  const mariadb = await startOwnMariadb()
  t.teardown(() => mariadb.close())
  const url = await mariadb.createDatabase(DATABASE)
  const execute = (sql: string) => mariadb.execute(sql, DATABASE)
  const homing = await startHoming({ database: { url, execute }, config: homingConfig })
  t.teardown(() => homing.close())
  const dovecot = await startDovecotAuth({ version: '2.3', root: '/' }, dovecotConfig(mariadb))
  t.teardown(() => dovecot.stop())
  await execute("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = 1")
  return {
    homing,
    dovecot,
    setPassword: async (user, password) => {
      await execute(`REPLACE INTO local_users (username, password, home, uid, gid, active)
        VALUES ('${user}', '{PLAIN}${password}', '/srv/${user}', 1000, 1000, 1)`)
    },
    deleteUser: async user => {
      await execute(`DELETE FROM local_users WHERE username = '${user}'`)
    },
    breakDatabase: () => execute('RENAME TABLE local_users TO lost'),
    mendDatabase: () => execute('RENAME TABLE lost TO local_users'),
    askHoming: (user, password, session) => askHoming(homing, user, password, session),
    askDovecot: async (user, password) => {
      const [reply] = await askLogins(dovecot.clientSocket, [{ user, password }])
      return wordOf(reply)
    },
    dovecotQueries: async user => {
      const [row] = await execute(`SELECT COUNT(*) AS n FROM mysql.general_log
        WHERE command_type = 'Query' AND argument LIKE 'SELECT password FROM%''${user}''%'`)
      return Number(row?.n)
    },
    homingTrace: async session => {
      await homing.waitForLog(`"session":"${session}"`)
      const line = (await homing.log()).split('\n').find(text => text.includes(`"session":"${session}"`))
      return JSON.parse(line ?? '{}').passdbs
    },
    signalDovecot: signal => {
      const master = readFileSync(join(dirname(dovecot.clientSocket), 'master.pid'), 'utf8').trim()
      const [pid] = execFileSync('pgrep', ['-P', master, '-f', 'dovecot/auth$']).toString().split('\n')
      process.kill(Number(pid), signal)
    },
  }
}

const homingConfig = `
auth_cache_size = "1M"
auth_cache_ttl = "${ttl.positiveMs} ms"
auth_cache_negative_ttl = "${ttl.negativeMs} ms"
[[passdb]]
name = "local"
driver = "sql"
table = "local_users"
result_failure = "return-fail"
`

function dovecotConfig({ port, user, password }: MariadbServer) {
  return {
    config: `
auth_cache_size = 1M
auth_cache_ttl = ${ttl.positiveMs / 1000} secs
auth_cache_negative_ttl = ${ttl.negativeMs / 1000} secs
info_log_path = FOLDER/log
passdb {
  driver = sql
  args = FOLDER/sql.conf.ext
}
`,
    files: {
      'sql.conf.ext': `
driver = mysql
connect = host=127.0.0.1 port=${port} dbname=${DATABASE} user=${user} password=${password}
default_pass_scheme = PLAIN
password_query = SELECT password FROM local_users WHERE username = '%u' AND active = 1
`,
    },
  }
}

async function askHoming({ url, token }: RunningHoming, user: string, password: string, session: string) {
  const reply = await fetch(`${url}/v1/passdb/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ user, password, protocol: 'imap', mechanism: 'PLAIN', secured: 'tls', session }),
  })
  const { result } = (await reply.json()) as { result: string }
  if (result === 'ok') return 'ok'
  return result === 'internal_failure' ? 'temporary' : 'refused'
}

function wordOf(reply: Reply | undefined): Answer {
  if (reply?.word === 'OK') return 'ok'
  return reply?.fields.has('temp') || reply?.fields.get('code') === 'temp_fail' ? 'temporary' : 'refused'
}
