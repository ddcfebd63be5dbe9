// Dovecot's own dict server, with the pairs that a test gives it.

import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface DovecotDict {
  readonly socket: string
  /** What it is called in a greeting. */
  readonly name: string
  stop(): Promise<void>
}

/** Starts the machine's Dovecot with nothing but its dict service. */
export async function startDovecotDict(pairs: Readonly<Record<string, string>>): Promise<DovecotDict> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-dovecot-dict-'))
  await chmod(folder, 0o777)
  for (const name of ['run', 'state']) await mkdir(join(folder, name))
  const store = join(folder, 'store')
  await writeFile(store, Object.entries(pairs).flat().join('\n').concat('\n'), { mode: 0o666 })
  const configFile = join(folder, 'dovecot.conf')
  await writeFile(
    configFile,
    `base_dir = ${folder}/run\nstate_dir = ${folder}/state\nlog_path = ${folder}/log\nprotocols =\nssl = no
dict {\n  users = file:${store}\n}\nservice dict {\n  unix_listener dict {\n    mode = 0666\n  }\n}\n`,
  )
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', 'dovecot', '-F', '-c', configFile], {
    stdio: 'ignore',
  })
  const socket = join(folder, 'run/dict')
  const stop = async () => {
    await ended(child)
    await rm(folder, { recursive: true, force: true })
  }
  for (let tries = 0; tries < 200 && child.exitCode === null; tries++) {
    if (await answers(socket)) return { socket, name: 'users', stop }
    await sleep(50)
  }
  const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '')
  await stop()
  throw new Error(`Dovecot's dict server does not start:\n${log}`)
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), 5000)
  await exited
  clearTimeout(kill)
}
