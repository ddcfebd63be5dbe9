// Starts the real program, `homing serve`, with the accounts that a test names.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import Database from 'libsql'
import type { Certificate } from './certificates.js'
import { freePorts } from './free-ports.js'

/** A row of proxy_users: what is not said is NULL, or the column's default. */
export interface ProxyUser {
  readonly username: string
  /** As it is stored, with {SCHEME}; absent: the backend decides. */
  readonly password?: string
  readonly host: string
  readonly port?: number
  readonly pop3_port?: number
  readonly lmtp_port?: number
  readonly ssl_mode: 'none' | 'starttls' | 'ssl'
  readonly destuser?: string
  readonly active?: 0 | 1
  readonly master?: string
  readonly pass?: string
}

/** A row of local_users. */
export interface LocalUser {
  readonly username: string
  readonly password: string
  readonly home: string
  readonly uid: number
  readonly gid: number
  readonly active?: 0 | 1
}

/** A row of master_users. */
export interface MasterUser {
  readonly user_name: string
  readonly domain_name: string
  readonly password: string
  readonly masteradmin?: 0 | 1
  readonly domains?: string
  readonly protocols?: string
  readonly allow_nets?: string
  readonly allow_real_nets?: string
  readonly expires?: string
}

export interface Accounts {
  readonly proxyUsers?: readonly ProxyUser[]
  readonly localUsers?: readonly LocalUser[]
  readonly masterUsers?: readonly MasterUser[]
}

/** An empty database. */
export interface EmptyDatabase {
  readonly url: string
  execute(sql: string): Promise<unknown>
}

export interface HomingOptions {
  /** Where the accounts are; without it in a SQLite file of its own. */
  readonly database?: EmptyDatabase
  /** Further lines for homing.toml. */
  readonly config?: string
  /** What its certificate is verified with; then it is asked at https://localhost. */
  readonly caFile?: string
  /** Shown to it when it is asked whether it is ready. */
  readonly clientCertificate?: Certificate
  /** A command that runs it (`prlimit --nofile=100`), and what is in its environment. */
  readonly wrapper?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface RunningHoming {
  readonly url: string
  readonly token: string
  /** 0 while it does not run. */
  readonly pid: number
  /** Where its unix sockets are: `http.sock` and `dict.sock`. */
  readonly socketFolder: string
  addAccounts(accounts: Accounts): Promise<void>
  /** What it has logged so far. */
  log(): Promise<string>
  /** Resolves when a line with all these texts is in the log, which may take a second to be written. */
  waitForLog(...texts: string[]): Promise<void>
  /** SIGHUP, SIGUSR2 and their like. */
  signal(signal: NodeJS.Signals): void
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** Replaces the further lines of homing.toml; SIGHUP lets it read them. */
  configure(config: string): Promise<void>
  /** From here on it accepts connections (its kernel does) and never answers. */
  hang(): void
  /** The opposite of hang. */
  resume(): void
  /** Again on the same port with the same accounts; resolves when it is ready. */
  start(): Promise<void>
  /** Ends it and removes its files. */
  close(): Promise<void>
}

const program = join(import.meta.dirname, '../../src/cli/homing.js')
const token = 'open-sesame'

/** Starts it on a free loopback port and resolves when it is ready. Ends by itself when this process ends. */
export async function startHoming(options: HomingOptions = {}): Promise<RunningHoming> {
  const { database, config = '', caFile } = options
  const folder = await mkdtemp(join(tmpdir(), 'homing-service-'))
  const [port = 0] = await freePorts(1)
  const store = database ?? sqliteFile(join(folder, 'homing.db'))
  const configFile = join(folder, 'homing.toml')
  const logFile = join(folder, 'log')
  // Dovecot's processes run as somebody else.
  await chmod(folder, 0o711)
  const ours = [
    `database_url = "${store.url}"`,
    `listen = ["127.0.0.1:${port}", "unix:${folder}/http.sock"]`,
    `dict_listen = ["unix:${folder}/dict.sock"]`,
    'unix_listener_mode = "0666"',
    `api_token = "${token}"`,
  ]
  const configure = (lines: string) =>
    writeFile(configFile, [...ours.filter(line => !isGivenIn(lines, line)), lines].join('\n'), {
      mode: 0o600,
    })
  await configure(config)
  // The embedded database is migrated by `serve`.
  if (database) await migrate(configFile)

  const url = caFile ? `https://localhost:${port}` : `http://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals) => {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    running.ref()
    const exited = new Promise(resolve => running.once('exit', resolve))
    running.kill('SIGCONT')
    running.kill(signal)
    await exited
  }
  const start = async () => {
    child = await spawnService(configFile, logFile, options)
    await untilReady(() => isReady(`${url}/readyz`, options), child, logFile)
  }
  await start()
  return {
    url,
    token,
    get pid() {
      return child?.pid ?? 0
    },
    socketFolder: folder,
    addAccounts: async accounts => void (await store.execute(insertStatements(accounts))),
    log: () => readFile(logFile, 'utf8'),
    async waitForLog(...texts) {
      let lines: string[] = []
      for (let tries = 0; tries < 60; tries++) {
        lines = (await readFile(logFile, 'utf8')).split('\n')
        if (lines.some(line => texts.every(text => line.includes(text)))) return
        await sleep(50)
      }
      throw new Error(`${texts.join(' and ')} are in no line of the log:\n${lines.slice(-20).join('\n')}`)
    },
    start,
    configure,
    signal: signal => void child?.kill(signal),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    hang: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async close() {
      await end('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** An embedded database in a file of the caller's. */
export function sqliteFile(file: string): EmptyDatabase {
  return {
    url: `sqlite:${file}`,
    async execute(sql) {
      const connection = new Database(file, { timeout: 5000 })
      try {
        connection.exec(sql)
      } finally {
        connection.close()
      }
    },
  }
}

const EX_TEMPFAIL = 75
const MIGRATION_TRIES = 3

/** A database that has only just started, on a machine that is busy, does not always answer in time: as an operator does. */
async function migrate(configFile: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await promisify(execFile)(process.execPath, [program, 'migrate', '--config', configFile])
      return
    } catch (cause) {
      if ((cause as { code?: unknown }).code !== EX_TEMPFAIL || tries === MIGRATION_TRIES) throw cause
    }
  }
}

/** setpriv ends it with this process, even if that is killed; nor does this process stay for its sake. */
async function spawnService(
  configFile: string,
  logFile: string,
  { wrapper = [], env = {} }: HomingOptions,
): Promise<ChildProcess> {
  const output = await open(logFile, 'a')
  try {
    const command = [...wrapper, process.execPath, program, 'serve', '--config', configFile]
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
      stdio: ['ignore', output.fd, output.fd],
      env: { ...process.env, ...env },
    })
    child.unref()
    return child
  } finally {
    await output.close()
  }
}

/** Whether these lines set what this line sets. */
function isGivenIn(lines: string, line: string): boolean {
  return new RegExp(`^${line.split(' ')[0]}(_file)? *=`, 'm').test(lines)
}

async function isReady(url: string, { caFile, clientCertificate }: HomingOptions): Promise<boolean> {
  if (caFile === undefined) return (await fetch(url).catch(() => undefined))?.ok === true
  const options = {
    ca: await readFile(caFile),
    ...(clientCertificate && {
      cert: await readFile(clientCertificate.certFile),
      key: await readFile(clientCertificate.keyFile),
    }),
    agent: false as const,
  }
  return new Promise(resolve => {
    const asked = get(url, options, response => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asked.on('error', () => resolve(false))
  })
}

async function untilReady(
  ready: () => Promise<boolean>,
  child: ChildProcess,
  logFile: string,
): Promise<void> {
  for (let tries = 0; tries < 400 && child.exitCode === null; tries++) {
    if (await ready()) return
    await sleep(25)
  }
  const said = (await readFile(logFile, 'utf8')).split('\n').slice(-20)
  throw new Error(`homing serve is not ready:\n${said.join('\n')}`)
}

function insertStatements({ proxyUsers = [], localUsers = [], masterUsers = [] }: Accounts): string {
  return [
    ...proxyUsers.map(row => insertStatement('proxy_users', row)),
    ...localUsers.map(row => insertStatement('local_users', row)),
    ...masterUsers.map(row => insertStatement('master_users', row)),
  ].join('\n')
}

function insertStatement(table: string, row: object): string {
  const values = Object.values(row).map(value =>
    typeof value === 'number' ? String(value) : `'${String(value).replaceAll("'", "''")}'`,
  )
  return `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${values.join(', ')});`
}
