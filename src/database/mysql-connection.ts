// One connection to a MySQL or MariaDB server, on which nothing waits for ever.

import mysql from 'mysql2'
import type { DatabaseTls } from './database-tls.js'
import type { DatabaseHost } from './database-url.js'

export interface MysqlConnectionOptions {
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  readonly tls: DatabaseTls | undefined
  readonly connectTimeoutMs: number
  readonly queryTimeoutMs: number
}

type Callback = (error: unknown, result?: unknown) => void

export interface MysqlConnection {
  /** Answers exactly once, at the latest after the query deadline. After a fatal error the connection is lost. */
  query(sql: string, parameters: readonly unknown[], callback: Callback): void
  /** Drops it at once, whatever is under way. */
  destroy(): void
  /** Says goodbye to the server, so that its log stays clean; drops it when that takes too long. */
  end(): Promise<void>
}

/**
 * A server may be set to give few rows unless told otherwise (SET GLOBAL, init_connect), and a row that is left out would
 * be a user unknown. Once per connection; `default` would mean the server's own setting.
 */
const everyRow = 'set session sql_select_limit = 18446744073709551615'
const UNKNOWN_VARIABLE = 1193

const STATEMENTS_PER_CONNECTION = 200
const GOODBYE_MS = 200

/**
 * A connection that is logged in. Rejects when the host has not let us in by the connect deadline.
 * `onLost` is called once when the connection is of no use any more, unless it was destroyed or ended by us.
 */
export async function connectMysql(
  host: DatabaseHost,
  options: MysqlConnectionOptions,
  onLost: (cause: unknown) => void,
): Promise<MysqlConnection> {
  const deadline = performance.now() + options.connectTimeoutMs
  const raw = mysql.createConnection({
    ...host,
    user: options.user,
    database: options.database,
    ...(options.password === undefined ? {} : { password: options.password }),
    // Over a unix socket there is nobody to hide from.
    ...(options.tls && !('socketPath' in host) ? { ssl: tlsOptions(options.tls) } : {}),
    connectTimeout: options.connectTimeoutMs,
    charset: 'utf8mb4',
    timezone: 'Z',
    supportBigNumbers: true,
    jsonStrings: true,
    maxPreparedStatements: STATEMENTS_PER_CONNECTION,
    flags: ['-LOCAL_FILES'], // a server may otherwise ask for our files
  }) as RawConnection
  const state = { open: true }
  const destroy = () => {
    state.open = false
    raw.destroy()
    raw.stream.destroy() // mysql2 only says FIN, which a server that hangs never answers
  }
  const lose = (cause: unknown) => {
    if (!state.open) return
    destroy()
    onLost(cause)
  }
  containExceptions(raw, lose)
  await loggedIn(raw).catch(cause => {
    destroy()
    throw cause
  })
  raw.on('error', lose)
  raw.on('end', () => lose(lost('the server closed the connection')))
  await askForEveryRow(raw, Math.max(1, deadline - performance.now()), lose).catch(cause => {
    destroy()
    throw cause
  })
  return {
    destroy,
    query: (sql, parameters, callback) => ask(raw, sql, parameters, options.queryTimeoutMs, lose, callback),
    end: () => sayGoodbye(raw, state, destroy),
  }
}

/** Rejects when the server does not do it, unless it knows no such limit. */
function askForEveryRow(
  raw: RawConnection,
  timeoutMs: number,
  lose: (cause: unknown) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    ask(raw, everyRow, [], timeoutMs, lose, error => {
      if (error && (error as { errno?: unknown }).errno !== UNKNOWN_VARIABLE) reject(error)
      else resolve()
    })
  })
}

/** The parts of mysql2's connection that its types leave out. */
interface RawConnection extends mysql.Connection {
  stream: { destroy(): void }
  handlePacket(packet: unknown): void
}

/** mysql2 throws from the socket's data event when a server talks nonsense; that must not end our process. */
function containExceptions(raw: RawConnection, lose: (cause: unknown) => void): void {
  const handlePacket = raw.handlePacket
  raw.handlePacket = packet => {
    try {
      handlePacket.call(raw, packet)
    } catch (cause) {
      const error = Object.assign(new Error('the server spoke nonsense', { cause }), {
        code: 'HOMING_DATABASE_PROTOCOL',
        fatal: true,
      })
      raw.emit('error', error)
      lose(error)
    }
  }
}

function loggedIn(raw: RawConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    raw.once('connect', () => resolve())
    raw.on('error', reject) // stays: an error after the first must not become an exception
  })
}

function ask(
  raw: RawConnection,
  sql: string,
  parameters: readonly unknown[],
  timeoutMs: number,
  lose: (cause: unknown) => void,
  callback: Callback,
): void {
  let answered = false
  const answer: Callback = (error, result) => {
    if (answered) return
    answered = true
    clearTimeout(timer)
    if (error && (error as { fatal?: unknown }).fatal === true) lose(error)
    callback(error, result)
  }
  const timer = setTimeout(() => {
    const error = timedOut(timeoutMs)
    lose(error)
    answer(error)
  }, timeoutMs)
  try {
    // Prepared: values travel apart from the SQL, so that no sql_mode (NO_BACKSLASH_ESCAPES) can make them part of it.
    if (parameters.length > 0) raw.execute(sql, parameters as never[], answer)
    else raw.query(sql, answer)
  } catch (cause) {
    answer(cause)
  }
}

function sayGoodbye(raw: RawConnection, state: { open: boolean }, destroy: () => void): Promise<void> {
  if (!state.open) return Promise.resolve()
  state.open = false
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      destroy()
      resolve()
    }
    const timer = setTimeout(done, GOODBYE_MS)
    raw.once('end', done)
    raw.end(done)
  })
}

function tlsOptions(tls: DatabaseTls): mysql.SslOptions {
  return {
    rejectUnauthorized: tls.verify,
    verifyIdentity: tls.verify,
    minVersion: 'TLSv1.2',
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  }
}

function lost(message: string): Error {
  return Object.assign(new Error(message), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true })
}

function timedOut(timeoutMs: number): Error {
  const message = `no answer within ${timeoutMs} ms`
  return Object.assign(new Error(message), { code: 'HOMING_DATABASE_TIMEOUT', fatal: true })
}
