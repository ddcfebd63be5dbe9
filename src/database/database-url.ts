// Reads database URLs: mysql://user:password@db1,db2:3307/name, sqlite:PATH.

import { resolve } from 'node:path'
import { ConfigError } from '../model/config-error.js'
import { withoutPassword } from '../model/url-password.js'

/** One way to reach a server. */
export type DatabaseHost = { readonly host: string; readonly port: number } | { readonly socketPath: string }

export type DatabaseLocation =
  | {
      readonly kind: 'mysql'
      /** In the order in which they are tried; at least one. */
      readonly hosts: readonly DatabaseHost[]
      readonly user: string
      readonly password: string | undefined
      readonly database: string
      /** The URL without password. */
      readonly name: string
    }
  | {
      readonly kind: 'sqlite'
      /** An absolute path, or `:memory:`. */
      readonly path: string
      readonly name: string
    }

const MYSQL_PORT = 3306
const SQLITE = /^sqlite:(.*)$/s
const MYSQL = /^(?:mysql|mariadb):\/\/(?:([^/?]*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/s

/** Throws ConfigError that says what is wrong, without the password. */
export function parseDatabaseUrl(url: string): DatabaseLocation {
  const sqlite = SQLITE.exec(url)
  if (sqlite) return parseSqlite(url, sqlite[1] ?? '')
  if (/^(mysql|mariadb):/.test(url)) return parseMysql(url)
  // Without // it may be half of a password, in a file that holds nothing else.
  const scheme = /^([A-Za-z][\w+.-]*):\/\//.exec(url)?.[1]
  throw new ConfigError(
    `database_url: ${scheme ? `unknown kind "${scheme}"` : 'no kind of database'} (known: mysql://user:password@host/name, sqlite:PATH)`,
  )
}

/** The URL as it may be shown: the password replaced, also in a URL that is wrong, and with it what may be one. */
export function redactDatabaseUrl(url: string): string {
  return withoutPassword(url, '***')
}

function parseSqlite(url: string, path: string): DatabaseLocation {
  if (path === '') throw new ConfigError('database_url: "sqlite:" names no file (sqlite:./data/homing.db)')
  if (path.includes('\0')) throw new ConfigError('database_url: a file name cannot hold NUL')
  if (path === ':memory:') return { kind: 'sqlite', path, name: url }
  return {
    kind: 'sqlite',
    path: resolve(path.replace(/^\/\/+(?=[./])/, '').replace(/^\/\//, '/')),
    name: url,
  }
}

function parseMysql(url: string): DatabaseLocation {
  const complain = (problem: string) => new ConfigError(`database_url ${redactDatabaseUrl(url)}: ${problem}`)
  if (/\p{Cc}/u.test(url)) throw complain('a line break or another control character stands in it')
  const parts = MYSQL.exec(url)
  if (!parts)
    throw complain(
      'write mysql://user:password@host/name; in a password, write @ : / ? % as %40 %3A %2F %3F %25',
    )
  const [, account = '', hostList = '', path = '', query = ''] = parts
  const decode = (text: string, what: string) => {
    try {
      return decodeURIComponent(text)
    } catch {
      throw complain(`the ${what} holds a % that starts no %XX (write %25)`)
    }
  }
  const colon = account.indexOf(':')
  const user = decode(colon < 0 ? account : account.slice(0, colon), 'user')
  const password = colon < 0 ? undefined : decode(account.slice(colon + 1), 'password')
  const database = decode(path, 'database name')
  if (user === '') throw complain('names no user (mysql://user:password@host/name)')
  if (database === '') throw complain('names no database (mysql://user:password@host/name)')
  if (database.includes('/')) throw complain('a database name cannot hold "/"')
  const socketPath = parseQuery(query, decode, complain)
  const hosts = socketPath ? [{ socketPath }] : hostList.split(',').map(host => parseHost(host, complain))
  const name = `mysql://${account.slice(0, colon < 0 ? undefined : colon)}@${hostList}/${path}${query && `?${query}`}`
  return { kind: 'mysql', hosts, user, password, database, name }
}

function parseQuery(
  query: string,
  decode: (text: string, what: string) => string,
  complain: (problem: string) => ConfigError,
): string | undefined {
  if (query === '') return undefined
  const [key, value = '', ...rest] = query.split('=')
  if (key !== 'socket' || rest.length > 0)
    throw complain('after "?" only socket=/path/to/mysqld.sock can stand')
  const socketPath = decode(value, 'socket')
  if (!socketPath.startsWith('/')) throw complain('socket must be an absolute path')
  return socketPath
}

const HOST = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([^[\]:\s]+))(?::(\d+))?$/

function parseHost(text: string, complain: (problem: string) => ConfigError): DatabaseHost {
  const parts = HOST.exec(text.trim())
  if (!parts) throw complain(`"${shownHost(text)}" is no host (name, name:port, IPv4 or [IPv6]:port)`)
  const port = parts[3] === undefined ? MYSQL_PORT : Number(parts[3])
  if (port < 1 || port > 65535) throw complain(`port ${parts[3]} is not between 1 and 65535`)
  return { host: parts[1] ?? parts[2] ?? '', port }
}

/** Whoever forgets the host has a password where a port would stand. */
function shownHost(text: string): string {
  return /^[\d.a-f]*:[\d.a-f]*:[\d.a-f:]*$/i.test(text) ? text : text.replace(/:.*/s, ':…')
}
