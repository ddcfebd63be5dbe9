// A Valkey or Redis server of a test's own, on a free loopback port and a unix socket.

import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from './free-ports.js'

export interface RedisServer {
  readonly port: number
  readonly socket: string
  /** kill -9; what it held is gone. */
  kill(): Promise<void>
  /** From here on it accepts connections (its kernel does) and never answers. */
  hang(): void
  /** The opposite of hang. */
  resume(): void
  /** Again on the same port, empty. */
  start(): Promise<void>
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

export function redisBinary(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  const files = ['valkey-server', 'redis-server'].flatMap(name => folders.map(folder => join(folder, name)))
  return files.find(isExecutable)
}

/** Ends by itself when this process ends. */
export async function startRedis({ password }: { readonly password?: string } = {}): Promise<RedisServer> {
  const binary = redisBinary()
  if (!binary) throw new Error('no valkey-server or redis-server in PATH')
  const folder = await mkdtemp(join(tmpdir(), 'homing-redis-'))
  const socket = join(folder, 'redis.sock')
  const [port = 0] = await freePorts(1)
  const args = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--unixsocket', socket],
    ...['--save', '', '--appendonly', 'no', '--dir', folder],
    ...(password === undefined ? [] : ['--requirepass', password]),
  ]
  let child: ChildProcess | undefined
  const kill = async () => {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    running.ref()
    const exited = new Promise(resolve => running.once('exit', resolve))
    running.kill('SIGKILL')
    await exited
  }
  const start = async () => {
    child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', binary, ...args], { stdio: 'ignore' })
    child.unref()
    for (let tries = 0; tries < 200; tries++) {
      if (await listens(port)) return
      await sleep(25)
    }
    throw new Error('the redis server did not start')
  }
  await start()
  return {
    port,
    socket,
    kill,
    start,
    hang: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    close: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(port, '127.0.0.1')
    probe.on('connect', () => settle(true))
    probe.on('error', () => settle(false))
    function settle(answer: boolean): void {
      probe.destroy()
      resolve(answer)
    }
  })
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
