// A MariaDB (or MySQL) of the test's own: in a temporary folder, on a free loopback port, gone when the test is gone.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import mysql from 'mysql2/promise'
import { freePorts } from './free-ports.js'

const USER = 'homing'
const PASSWORD = 'homing-test'
const START_DEADLINE_MS = 20_000

export interface MariadbServer {
  readonly host: string
  readonly port: number
  /** The server's unix socket; absent for a server that HOMING_TEST_MYSQL_URL names. */
  readonly socket?: string
  readonly user: string
  readonly password: string
  /** Whether this server is ours to stop, kill, hang and restart; those functions throw when it is not. */
  readonly isOwn: boolean
  /** An empty database of that name (what was in it is dropped); resolves to its URL. */
  createDatabase(name: string): Promise<string>
  /** `mysql://user:password@host:port/name`; a Homing `database_url`. */
  url(name: string): string
  /** Runs one or more statements, as somebody who may do everything; resolves to the last one's rows. */
  execute(sql: string, database?: string): Promise<Record<string, unknown>[]>
  /** Ends the server in good order; the data stays. */
  stop(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
  /** From here on the server accepts connections (its kernel does) and never answers. */
  hang(): void
  /** The opposite of hang. */
  resume(): void
  /** Starts it again, on the same port with the same data. Does nothing while it runs. */
  start(): Promise<void>
  /** stop and start. */
  restart(): Promise<void>
  /** Ends the server and removes its folder. Happens by itself when the test process ends, however it ends. */
  close(): Promise<void>
}

export interface MariadbServerOptions {
  /** Further server options (`--ssl-cert=…`). */
  readonly args?: readonly string[]
}

/**
 * Why no server can be had here, with what would help; undefined when `startMariadb` will work. With REQUIRE=all or
 * REQUIRE=mariadb in the environment a test must not be skipped: throws instead.
 */
export function whyNoMariadb(): string | undefined {
  if (process.env.HOMING_TEST_MYSQL_URL || serverBinary()) return undefined
  const reason = whatToInstall
  if (/(^|,)(all|mariadb)(,|$)/.test(process.env.REQUIRE ?? '')) throw new Error(reason)
  return reason
}

const whatToInstall =
  'no mariadbd or mysqld in PATH: install mariadb-server, or set HOMING_TEST_MYSQL_URL=mysql://user:password@host:port/'

/** A running server: the one of HOMING_TEST_MYSQL_URL, else one of our own (ready in one to three seconds). */
export async function startMariadb(options: MariadbServerOptions = {}): Promise<MariadbServer> {
  const given = process.env.HOMING_TEST_MYSQL_URL
  return given ? foreignServer(new URL(given)) : ownServer(options)
}

/** Always a server of our own, whatever HOMING_TEST_MYSQL_URL says: for tests that stop, kill and hang it. */
export const startOwnMariadb: (options?: MariadbServerOptions) => Promise<MariadbServer> = ownServer

function foreignServer(given: URL): MariadbServer {
  const notOurs = () => {
    throw new Error('the server of HOMING_TEST_MYSQL_URL is not ours to stop')
  }
  return {
    ...reachable(given.hostname, Number(given.port || 3306), given.username, given.password),
    isOwn: false,
    stop: notOurs,
    kill: notOurs,
    hang: notOurs,
    resume: notOurs,
    start: notOurs,
    restart: notOurs,
    close: async () => {},
  }
}

/** SIGSTOP, and waits until no thread of it runs any more: one that still does would answer. */
function stopThreads(child: ChildProcess | undefined): void {
  if (child?.pid === undefined) return
  child.kill('SIGSTOP')
  const threads = `/proc/${child.pid}/task`
  const runs = (id: string) => !/^State:\s+T/m.test(readFileSync(`${threads}/${id}/status`, 'utf8'))
  const deadline = performance.now() + 2000
  while (existsSync(threads) && readdirSync(threads).some(runs) && performance.now() < deadline);
}

async function ownServer(options: MariadbServerOptions = {}): Promise<MariadbServer> {
  const binary = serverBinary()
  if (!binary) throw new Error(whyNoMariadb())
  const folder = await mkdtemp(join(tmpdir(), 'homing-mariadb-'))
  const socket = join(folder, 'mysqld.sock')
  const pidFile = join(folder, 'mysqld.pid')
  const watchdog = watchOver(folder, pidFile)
  await createDataFolder(binary, folder)
  const [port = 0] = await freePorts(1)
  const args = [...serverArguments(folder, socket, pidFile, port), ...(options.args ?? [])]
  let child: ChildProcess | undefined

  const start = async () => {
    if (child) return
    const started = spawn(binary, args, { stdio: 'ignore' })
    child = started
    started.once('exit', () => {
      if (child === started) child = undefined
    })
    await untilReady(socket, started, join(folder, 'error.log'))
  }
  const end = async (signal: NodeJS.Signals) => {
    const running = child
    if (!running) return
    const exited = once(running, 'exit')
    running.kill('SIGCONT')
    running.kill(signal)
    await exited
    await rm(pidFile, { force: true })
  }
  const stop = () => end('SIGTERM')

  await start()
  return {
    ...reachable('127.0.0.1', port, USER, PASSWORD),
    socket,
    isOwn: true,
    start,
    stop,
    kill: () => end('SIGKILL'),
    hang: () => stopThreads(child),
    resume: () => void child?.kill('SIGCONT'),
    restart: async () => {
      await stop()
      await start()
    },
    close: async () => {
      await end('SIGKILL')
      watchdog.ref()
      watchdog.stdin?.end()
      if (watchdog.exitCode === null) await once(watchdog, 'exit')
    },
  }
}

function reachable(host: string, port: number, user: string, password: string) {
  const execute = async (sql: string, database?: string) => {
    const connection = await mysql.createConnection({
      ...{ host, port, user, password, multipleStatements: true },
      ...(database ? { database } : {}),
    })
    try {
      const [rows] = await connection.query(sql)
      return rowsOf(rows)
    } finally {
      await connection.end()
    }
  }
  const url = (name: string) =>
    `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${name}`
  const createDatabase = async (name: string) => {
    await execute(`DROP DATABASE IF EXISTS \`${name}\`; CREATE DATABASE \`${name}\``)
    return url(name)
  }
  return { host, port, user, password, url, execute, createDatabase }
}

function rowsOf(result: unknown): Record<string, unknown>[] {
  if (!Array.isArray(result)) return []
  const last = result.at(-1)
  if (Array.isArray(last)) return last
  return last && !('affectedRows' in last) ? result : []
}

/**
 * Waits beside us and, once we are gone, kills what the pid file names and removes the folder. A process of its
 * own, because a test that is killed with SIGKILL can tidy up nothing.
 */
function watchOver(folder: string, pidFile: string): ChildProcess {
  // Removed twice: an installer that outlived the test may still have written into it.
  const script =
    'cat >/dev/null; [ -s "$2" ] && kill -9 "$(cat "$2")"; sleep 0.1; rm -rf "$1"; (sleep 5; rm -rf "$1") &'
  const watchdog = spawn('sh', ['-c', script, 'watchdog', folder, pidFile], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watchdog.unref()
  return watchdog
}

async function createDataFolder(binary: string, folder: string): Promise<void> {
  await mkdir(join(folder, 'tmp'))
  // A server that starts removes what it takes for leftovers from its folder for temporary tables: never a shared one.
  const small = [
    `--tmpdir=${join(folder, 'tmp')}`,
    '--innodb-log-file-size=4M',
    '--innodb-buffer-pool-size=16M',
    asUser(),
  ]
  const installer = inPath('mariadb-install-db') ?? inPath('mysql_install_db')
  const [command, args] = installer
    ? [installer, ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', ...small]]
    : [binary, ['--no-defaults', '--initialize-insecure', ...small]]
  await promisify(execFile)(command, [...args, `--datadir=${join(folder, 'data')}`])
  await writeFile(
    join(folder, 'init.sql'),
    [
      // Not for a replica: it has done the same.
      'SET SESSION sql_log_bin = 0;',
      `CREATE USER IF NOT EXISTS '${USER}'@'%' IDENTIFIED BY '${PASSWORD}';`,
      `GRANT ALL PRIVILEGES ON *.* TO '${USER}'@'%' WITH GRANT OPTION;`,
    ].join('\n'),
  )
}

function serverArguments(folder: string, socket: string, pidFile: string, port: number): string[] {
  return [
    '--no-defaults',
    asUser(),
    `--datadir=${join(folder, 'data')}`,
    `--tmpdir=${join(folder, 'tmp')}`,
    `--socket=${socket}`,
    `--pid-file=${pidFile}`,
    `--log-error=${join(folder, 'error.log')}`,
    `--init-file=${join(folder, 'init.sql')}`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-name-resolve',
    '--innodb-buffer-pool-size=128M',
    '--innodb-log-file-size=4M',
    '--innodb-flush-log-at-trx-commit=2',
    '--key-buffer-size=1M',
    '--performance-schema=OFF',
  ]
}

/** A server that root starts must be told so; everybody else's runs as themselves. */
function asUser(): string {
  return process.getuid?.() === 0 ? '--user=root' : '--loose-skip-symbolic-links'
}

async function untilReady(socketPath: string, child: ChildProcess, errorLog: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS
  while (Date.now() < deadline && child.exitCode === null) {
    try {
      const connection = await mysql.createConnection({ socketPath, user: USER, password: PASSWORD })
      await connection.end()
      return
    } catch {
      await sleep(30)
    }
  }
  const log = await readFile(errorLog, 'utf8').catch(() => '')
  throw new Error(`the database server did not start:\n${log.split('\n').slice(-15).join('\n')}`)
}

function serverBinary(): string | undefined {
  return inPath('mariadbd') ?? inPath('mysqld')
}

function inPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map(folder => join(folder, name)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
