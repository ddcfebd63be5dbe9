// Starts a real Dovecot from the files of deploy/ as they stand; only site.conf and the paths are the test's own.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Certificate } from './certificates.js'
import {
  type AskedService,
  type Door,
  filesWithSecrets,
  finishCheckpassword,
  siteValues,
  withDoor,
  withSiteValues,
} from './doors.js'
import { freePorts } from './free-ports.js'
import { LineClient } from './line-client.js'
import type { DovecotInstallation } from './parts.js'

export interface DovecotOptions {
  readonly installation: DovecotInstallation
  /** Which of the two configurations: `proxy.conf` or `backend.conf`. */
  readonly role: 'proxy' | 'backend'
  /** How it asks Homing; `lua` when absent. */
  readonly door?: Door
  /** With `masters.conf`. */
  readonly masters?: boolean
  /** Files of deploy/ that were forgotten. */
  readonly without?: readonly string[]
  readonly service: AskedService
  readonly certificate: Certificate
  /** Who may have signed the backends' certificates. */
  readonly caFile: string
  /** Further lines for site.conf. */
  readonly site?: string
}

export interface DovecotPorts {
  readonly imap: number
  readonly imaps: number
  readonly pop3: number
  readonly pop3s: number
  readonly lmtp: number
  readonly stats: number
}

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunningDovecot {
  /** `2.3` or `2.4`. */
  readonly major: string
  readonly ports: DovecotPorts
  /** For homes of local users, as Dovecot sees it. */
  readonly mailFolder: string
  /** The same folder as this process sees it. */
  readonly mailFolderOutside: string
  doveadm(...args: string[]): Promise<CommandResult>
  /** What has been logged so far. */
  log(): Promise<string>
  /** What has been logged since `mark`, once it matches; fails with what was there after five seconds. */
  waitForLog(pattern: RegExp, mark?: number): Promise<string>
  /** How long the log is now, for waitForLog. */
  logMark(): Promise<number>
  stop(): Promise<void>
}

/** Whom local mail belongs to in tests. */
export const mailUser = { uid: 5000, gid: 5000 }

const deployFolder = join(import.meta.dirname, '../../../deploy')

/** Starts it on free loopback ports and returns once it greets. Stops by itself when this process ends. */
export async function startDovecot(options: DovecotOptions): Promise<RunningDovecot> {
  const { installation } = options
  const major = installation.version.slice(0, 3)
  const ports = await choosePorts()
  const outside = await mkdtemp(join('/', installation.root, 'tmp/homing-dovecot-'))
  const inside = outside.slice(installation.root.length)
  await layFiles(options, major, ports, outside, inside)

  const configFile = join(inside, 'etc', `${options.role}.conf`)
  const logFile = join(outside, 'log')
  const enter = installation.root === '' ? [] : ['chroot', installation.root]
  const child = await spawnMaster([...enter, 'dovecot', '-F', '-c', configFile], logFile)

  const log = () => readFile(logFile, 'utf8')
  const stop = async () => {
    await stopMaster(child)
    await rm(outside, { recursive: true, force: true })
  }
  try {
    await greeting(ports.imap, child)
  } catch (error) {
    const text = await log().catch(() => '')
    await stop()
    throw new Error(`Dovecot ${major} does not greet as ${options.role}:\n${text}`, { cause: error })
  }

  return {
    major,
    ports,
    mailFolder: join(inside, 'mail'),
    mailFolderOutside: join(outside, 'mail'),
    doveadm: (...args) => runCommand([...enter, 'doveadm', '-c', configFile, ...args]),
    log,
    logMark: async () => (await log()).length,
    async waitForLog(pattern, mark = 0) {
      let text = ''
      for (let tries = 0; tries < 100; tries++) {
        text = (await log()).slice(mark)
        if (pattern.test(text)) return text
        await sleep(50)
      }
      throw new Error(`${pattern} is not in the log of Dovecot ${major}:\n${text}`)
    },
    stop,
  }
}

async function choosePorts(): Promise<DovecotPorts> {
  const [imap = 0, imaps = 0, pop3 = 0, pop3s = 0, lmtp = 0, stats = 0] = await freePorts(6)
  return { imap, imaps, pop3, pop3s, lmtp, stats }
}

async function layFiles(
  options: DovecotOptions,
  major: string,
  ports: DovecotPorts,
  outside: string,
  inside: string,
): Promise<void> {
  await chmod(outside, 0o755)
  for (const folder of ['etc', 'run', 'state', 'mail']) await mkdir(join(outside, folder))
  await chown(join(outside, 'mail'), mailUser.uid, mailUser.gid)

  const from = join(deployFolder, `dovecot-${major}`)
  for (const name of await readdir(from)) {
    if (options.without?.includes(name)) continue
    const configuration = withDoor(await readFile(join(from, name), 'utf8'), options.door ?? 'lua')
    const text = options.masters ? configuration.replace(/^#(!include masters)/m, '$1') : configuration
    const inPlace = inItsPlace(text, join(inside, 'etc'), options.service.socketFolder)
    const ours = major === '2.3' ? withSiteValues(name, inPlace, options.service) : inPlace
    await writeFile(join(outside, 'etc', name), ours)
  }
  for (const file of [options.certificate.certFile, options.certificate.keyFile, options.caFile]) {
    await copyFile(file, join(outside, 'etc', basename(file)))
  }
  const file = (path: string) => join(inside, 'etc', basename(path))
  const site: SiteValues = {
    folder: inside,
    ports,
    certFile: file(options.certificate.certFile),
    keyFile: file(options.certificate.keyFile),
    caFile: file(options.caFile),
    service: options.service,
  }
  await writeFile(
    join(outside, 'etc/site.conf'),
    siteConf(major, site) + inItsPlace(options.site ?? '', join(inside, 'etc'), options.service.socketFolder),
  )
  if (major === '2.3') await finishCheckpassword(join(outside, 'etc'), options.service)
  await letOnlyDovecotRead(join(outside, 'etc'), options.installation.root)
}

function inItsPlace(text: string, etc: string, socketFolder = '/run/homing'): string {
  return text.replaceAll('/etc/dovecot/', `${etc}/`).replaceAll('/run/homing/', `${socketFolder}/`)
}

interface SiteValues {
  readonly folder: string
  readonly ports: DovecotPorts
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
  readonly service: DovecotOptions['service']
}

/** Tests that fail logins on purpose do not wait for it: no delay, and no penalty for the address they come from. */
const noPenalty = 'service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n'
const withoutDelays: Readonly<Record<string, string>> = {
  '2.3': `auth_failure_delay = 0\n${noPenalty}`,
  '2.4': `auth_failure_delay = 0\nauth_internal_failure_delay = 0\n${noPenalty}`,
}

function siteConf(major: string, { folder, ports, certFile, keyFile, caFile, service }: SiteValues): string {
  const tls =
    major === '2.3'
      ? `ssl_cert = <${certFile}\nssl_key = <${keyFile}\nssl_ca = <${caFile}\nssl_require_crl = no\n`
      : `ssl_server_cert_file = ${certFile}\nssl_server_key_file = ${keyFile}\nssl_client_ca_file = ${caFile}\n` +
        siteValues(service)
  const listener = (service: string, listeners: Record<string, number>, more = '') => {
    const blocks = Object.entries(listeners).map(
      ([name, port]) => `  inet_listener ${name} {\n    port = ${port}\n  }\n`,
    )
    return `service ${service} {\n${blocks.join('')}${more}}\n`
  }
  return [
    `base_dir = ${folder}/run\nstate_dir = ${folder}/state\nlog_path = ${folder}/log\nlisten = 127.0.0.1\n`,
    withoutDelays[major] ?? '',
    tls,
    listener('imap-login', { imap: ports.imap, imaps: ports.imaps }, '  process_min_avail = 1\n'),
    listener('pop3-login', { pop3: ports.pop3, pop3s: ports.pop3s }, '  process_min_avail = 1\n'),
    listener('lmtp', { lmtp: ports.lmtp }),
    listener('stats', { http: ports.stats }),
  ].join('')
}

/** The permissions that these files ask for where they hold a token. */
async function letOnlyDovecotRead(etc: string, root: string): Promise<void> {
  const groups = await readFile(join('/', root, 'etc/group'), 'utf8')
  const gid = Number(/^dovecot:[^:]*:(\d+):/m.exec(groups)?.[1])
  for (const file of filesWithSecrets(etc)) {
    await chown(file, 0, gid)
    await chmod(file, 0o640)
  }
  await chmod(join(etc, 'site.conf'), 0o600)
}

/** setpriv ends Dovecot with this process, even if that is killed; nor does this process stay for Dovecot's sake. */
async function spawnMaster(command: string[], logFile: string): Promise<ChildProcess> {
  const output = await open(logFile, 'a')
  try {
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', ...command], {
      stdio: ['ignore', output.fd, output.fd],
    })
    child.unref()
    return child
  } finally {
    await output.close()
  }
}

async function stopMaster(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.ref()
  const exited = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), 5000)
  await exited
  clearTimeout(kill)
}

async function greeting(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    try {
      const client = await LineClient.connect({ port })
      const line = await client.readLine()
      client.close()
      if (line.startsWith('* OK')) return
    } catch {
      // Not listening yet.
    }
    await sleep(50)
  }
  throw new Error('no greeting within ten seconds')
}

function runCommand(command: string[]): Promise<CommandResult> {
  return new Promise(resolve => {
    execFile(
      command[0] ?? '',
      command.slice(1),
      { timeout: 30_000, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, stdout, stderr })
      },
    )
  })
}
