// What may be said about a database that did not answer: which statement, which error, never a parameter.

import { redactDatabaseUrl } from './database-url.js'

/** `code` is the driver's or the system's word (`ER_NO_SUCH_TABLE`, `ECONNREFUSED`, `SQLITE_BUSY`), or one of ours. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly code: string
  /** May go away by itself: nobody has to change settings, grants or tables. */
  readonly temporary: boolean
  /** What was asked, in words (`find accounts in proxy_users`). */
  readonly statement: string

  constructor(properties: { code: string; temporary: boolean; statement: string; message: string }) {
    super(properties.message)
    this.code = properties.code
    this.temporary = properties.temporary
    this.statement = properties.statement
  }
}

/** What any driver's error may look like; nothing of it is trusted to be there. */
interface DriverError {
  readonly code?: unknown
  readonly errno?: unknown
  readonly message?: unknown
  readonly sqlMessage?: unknown
  readonly syscall?: unknown
}

/**
 * Errors whose text holds only names that we or the operator wrote (tables, columns, accounts of the database), so
 * that it may be logged. All others (`Duplicate entry 'anna@…'`) are named by their code alone.
 */
const harmlessText = new Set([
  'ER_ACCESS_DENIED_ERROR',
  'ER_BAD_DB_ERROR',
  'ER_BAD_FIELD_ERROR',
  'ER_CON_COUNT_ERROR',
  'ER_COLUMNACCESS_DENIED_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_HOST_IS_BLOCKED',
  'ER_HOST_NOT_PRIVILEGED',
  'ER_NO_SUCH_TABLE',
  'ER_OPTION_PREVENTS_STATEMENT',
  'ER_TABLEACCESS_DENIED_ERROR',
  'HOMING_DATABASE_BEHIND',
  'HOMING_DATABASE_BUSY',
  'HOMING_DATABASE_HOST_DOWN',
  'HOMING_DATABASE_READ_ONLY',
  'HOMING_DATABASE_TIMEOUT',
  'HANDSHAKE_NO_SSL_SUPPORT',
  'HANDSHAKE_SSL_ERROR',
  'PROTOCOL_CONNECTION_LOST',
  'SQLITE_NOTADB',
  'SQLITE_FULL',
  'SQLITE_BUSY',
  'SQLITE_READONLY',
])

/** Of a SQLite error only these beginnings are shown: a constraint's text names columns, not values. */
const harmlessSqlite =
  /^(no such (table|column): [\w. ]+|UNIQUE constraint failed: [\w., ]+|NOT NULL constraint failed: [\w., ]+|CHECK constraint failed: \w+)/

/** MySQL's words for what nobody needs to repair by hand. */
const temporaryMysql = new Set([
  'ER_CON_COUNT_ERROR',
  'ER_TOO_MANY_USER_CONNECTIONS',
  'ER_USER_LIMIT_REACHED',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_QUERY_INTERRUPTED',
  'ER_SERVER_SHUTDOWN',
  'ER_CONNECTION_KILLED',
  'ER_OPTION_PREVENTS_STATEMENT',
  'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
  'ER_READ_ONLY_MODE',
  'ER_UNKNOWN_COM_ERROR', // 1047, what a Galera node says that has lost its cluster
  'ER_NEW_ABORTING_CONNECTION',
  'ER_STATEMENT_TIMEOUT',
])

/** The same error with the statement's name and without parameters; a DatabaseError stays itself. */
export function toDatabaseError(error: unknown, statement: string, database: string): DatabaseError {
  if (error instanceof DatabaseError) return error
  const code = errorCode(error)
  const message = [`${redactDatabaseUrl(database)}: ${statement}: ${code}`, safeText(error, code)]
    .filter(Boolean)
    .join(': ')
  return new DatabaseError({ code, temporary: isTemporary(error, code), statement, message })
}

/** The host that answers has not got a change yet that another one has shown. */
export function behindError(statement: string, database: string): DatabaseError {
  const message = 'the replica that answers is behind'
  return toDatabaseError(
    Object.assign(new Error(message), { code: 'HOMING_DATABASE_BEHIND' }),
    statement,
    database,
  )
}

/** The driver's word for the error. */
export function errorCode(error: unknown): string {
  const { code, errno } = (error ?? {}) as DriverError
  if (typeof code === 'string') return code
  if (error instanceof Error && error.message.startsWith('ConnectionFailed(')) return 'SQLITE_CANTOPEN'
  return typeof errno === 'number' ? String(errno) : 'HOMING_DATABASE_ERROR'
}

function isTemporary(error: unknown, code: string): boolean {
  if (temporaryMysql.has(code)) return true
  if (/^(SQLITE_BUSY|SQLITE_LOCKED|SQLITE_FULL|SQLITE_IOERR|SQLITE_PROTOCOL)/.test(code)) return true
  if (code === 'HOMING_DATABASE_ERROR') return false
  return isConnectionError(error)
}

/**
 * Whether the connection is of no use any more, or never was: another connection or host may know better.
 * Errors that the server itself reports about a statement are none, except those that say "not me".
 */
export function isConnectionError(error: unknown): boolean {
  const { syscall } = (error ?? {}) as DriverError
  const code = errorCode(error)
  if (
    /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|ENOENT|EACCES|PROTOCOL_|HANDSHAKE_|AUTH_SWITCH)/.test(
      code,
    )
  )
    return true
  if (/^HOMING_DATABASE_(TIMEOUT|HOST_DOWN|BUSY|BEHIND|PROTOCOL|READ_ONLY)$/.test(code)) return true
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|ERR_STREAM)/.test(code)) return true
  return (
    typeof syscall === 'string' ||
    isServerUnfit(error) ||
    (error as { fatal?: unknown } | null)?.fatal === true
  )
}

const unfit = new Set([1290, 1792, 1836, 1047, 1053, 1927])

/**
 * The server says that it is not the one to ask: read-only after a failover (1290, 1792, 1836), a Galera node
 * without its cluster (1047), shutting down (1053, 1927).
 */
export function isServerUnfit(error: unknown): boolean {
  const { errno } = (error ?? {}) as DriverError
  return typeof errno === 'number' && unfit.has(errno)
}

const tooMany = new Set([1040, 1203, 1226])

/** The server, which is well, lets nobody else in: its own limit (1040), or the account's (1203, 1226). */
export function isTooManyConnections(error: unknown): boolean {
  const { errno } = (error ?? {}) as DriverError
  return typeof errno === 'number' && tooMany.has(errno)
}

const duplicate = new Set(['ER_DUP_ENTRY', 'SQLITE_CONSTRAINT_PRIMARYKEY', 'SQLITE_CONSTRAINT_UNIQUE'])

/** A row with this key is there already. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof DatabaseError && duplicate.has(error.code)
}

/** Once more when somebody did the same at the same moment: now it is to be seen. */
export async function retriedOnDuplicate<T>(attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt()
  } catch (cause) {
    if (isDuplicate(cause)) return attempt()
    throw cause
  }
}

function safeText(error: unknown, code: string): string {
  const { message, sqlMessage, syscall } = (error ?? {}) as DriverError
  const text = typeof sqlMessage === 'string' && sqlMessage ? sqlMessage : message
  if (typeof text !== 'string') return ''
  if (harmlessText.has(code) || typeof syscall === 'string') return text
  if (/^(ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/.test(code)) return text
  return code.startsWith('SQLITE_') ? (harmlessSqlite.exec(text)?.[0] ?? '') : ''
}
