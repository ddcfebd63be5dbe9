// Starts a real balancer, HAProxy or nginx, from the file of deploy/ with a test's own ports.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePorts } from './free-ports.js'

export type BalancerName = 'haproxy' | 'nginx'

export interface BalancerOptions {
  /** Where the copies answer on 127.0.0.1: three, as in the files. */
  readonly copies: readonly number[]
  /** Who may ask; this machine when absent. */
  readonly callers?: readonly string[]
}

export interface RunningBalancer {
  readonly url: string
  readonly port: number
  log(): Promise<string>
  stop(): Promise<void>
}

export const balancerFiles: Readonly<Record<BalancerName, string>> = {
  haproxy: join(import.meta.dirname, '../../../deploy/haproxy/haproxy.cfg'),
  nginx: join(import.meta.dirname, '../../../deploy/nginx/homing.conf'),
}

/** Resolves when it accepts connections. Ends by itself when this process ends. */
export async function startBalancer(name: BalancerName, options: BalancerOptions): Promise<RunningBalancer> {
  const folder = await mkdtemp(join(tmpdir(), `homing-${name}-`))
  const [port = 0] = await freePorts(1)
  const logFile = join(folder, 'log')
  const { command, env } = await (name === 'haproxy' ? haproxy(options, port) : nginx(options, port, folder))
  const output = await open(logFile, 'a')
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
    stdio: ['ignore', output.fd, output.fd],
    env: { ...process.env, ...env },
  })
  child.unref()
  await output.close()
  const log = () => readFile(logFile, 'utf8')
  const stop = async () => {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await untilListening(port, child)
  } catch (cause) {
    const text = await log()
    await stop()
    throw new Error(`${name} does not listen:\n${text}`, { cause })
  }
  return { url: `http://127.0.0.1:${port}`, port, log, stop }
}

/** What the balancer itself says of the file: its own words, and whether it takes it. */
export async function checkBalancerFile(name: BalancerName): Promise<{ good: boolean; said: string }> {
  const folder = await mkdtemp(join(tmpdir(), `homing-${name}-`))
  try {
    const command =
      name === 'haproxy'
        ? ['haproxy', '-c', '-f', balancerFiles.haproxy]
        : ['nginx', '-t', '-c', await nginxMain(balancerFiles.nginx, folder), '-p', folder]
    const [program = '', ...args] = command
    const { stdout, stderr } = await promisify(execFile)(program, args)
    return { good: true, said: stdout + stderr }
  } catch (error) {
    return { good: false, said: String((error as { stderr?: string }).stderr ?? error) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Start {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** The file as it stands; the environment says the rest. */
async function haproxy({ copies, callers }: BalancerOptions, port: number): Promise<Start> {
  return {
    command: ['haproxy', '-db', '-f', balancerFiles.haproxy],
    env: {
      HOMING_LISTEN: `127.0.0.1:${port}`,
      ...Object.fromEntries(copies.map((copy, at) => [`HOMING_${at + 1}`, `127.0.0.1:${copy}`])),
      ...(callers && { HOMING_CALLERS: callers.join(' ') }),
    },
  }
}

/** nginx reads no environment: the addresses are replaced in a copy. */
async function nginx({ copies, callers }: BalancerOptions, port: number, folder: string): Promise<Start> {
  let text = await readFile(balancerFiles.nginx, 'utf8')
  text = text.replaceAll('127.0.0.1:8090', `127.0.0.1:${port}`)
  for (const [at, copy] of copies.entries()) {
    text = text.replaceAll(`192.0.2.${11 + at}:8080`, `127.0.0.1:${copy}`)
  }
  if (callers) text = text.replace('127.0.0.1/32 0;', callers.map(caller => `${caller} 0;`).join('\n'))
  const file = join(folder, 'homing.conf')
  await writeFile(file, text)
  return {
    command: ['nginx', '-c', await nginxMain(file, folder), '-p', folder, '-g', 'daemon off;'],
    env: {},
  }
}

/** What a distribution's nginx.conf says around it. */
async function nginxMain(included: string, folder: string): Promise<string> {
  const file = join(folder, 'nginx.conf')
  await writeFile(
    file,
    `pid ${folder}/nginx.pid;\nerror_log stderr warn;\nworker_processes 1;\nevents {}\n` +
      `http {\n  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `${kind}_temp_path ${folder}/${kind};`).join(' ')}\n` +
      `  include ${included};\n}\n`,
  )
  return file
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.ref()
  const exited = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), 2000)
  await exited
  clearTimeout(kill)
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200 && child.exitCode === null; tries++) {
    if (await listens(port)) return
    await sleep(25)
  }
  throw new Error(`nobody listens on ${port}`)
}

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(port, '127.0.0.1')
    const settle = (answer: boolean) => {
      probe.destroy()
      resolve(answer)
    }
    probe.on('connect', () => settle(true))
    probe.on('error', () => settle(false))
  })
}
