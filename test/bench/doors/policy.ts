// allow and report as Dovecot asks them, beside routes that answer at once: users who log in, and guessers from everywhere.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { HttpLoad } from '../http-load.js'
import type { LoadResult } from '../load-result.js'
import type { Contender, Measurement, Timing } from './measurement.js'

const IN_FLIGHT = 32
const BODIES = 20_000
const GOAL = 0.4
const program = join(import.meta.dirname, '../../../src/cli/homing.js')
/** The server on one core, the load on another, where there are two and a way to say so. */
const [serverCore, loadCore] = existsSync('/usr/bin/taskset') ? ['0', '1'] : [undefined, undefined]

export const policy: Measurement = {
  name: 'policy',
  title: `auth-policy on one core, ${IN_FLIGHT} in flight`,
  async open(folder) {
    const children: ChildProcess[] = []
    const close = async () => {
      for (const child of children) child.kill('SIGKILL')
    }
    try {
      const bare = await listening(
        children,
        [process.execPath, join(import.meta.dirname, '../policy-bare.js')],
        {},
        folder,
      )
      const homing = await listening(
        children,
        [process.execPath, program, 'serve'],
        {
          HOMING_LISTEN: `unix:${join(folder, 'http.sock')}`,
          HOMING_POLICY_LISTEN: '127.0.0.1:0',
          HOMING_LOG_LEVEL: 'info',
        },
        folder,
      )
      return { contenders: contendersOf(folder, bare, homing), close }
    } catch (error) {
      await close()
      throw error
    }
  },
}

function contendersOf(folder: string, bare: number, homing: number): Contender[] {
  const load = (port: number, path: string, bodies: readonly string[]) => (timing: Timing) =>
    run(folder, { port, path, bodies, inFlight: IN_FLIGHT, ...timing })
  const against = (name: string) => ({ name, atLeast: GOAL })
  return [
    { name: 'bare allow', load: load(bare, '/command/allow', users(asked)) },
    {
      name: 'allow, users',
      comparedWith: against('bare allow'),
      load: load(homing, '/command/allow', users(asked)),
    },
    {
      name: 'allow, attack',
      comparedWith: against('bare allow'),
      load: load(homing, '/command/allow', attack(asked)),
    },
    { name: 'bare report', load: load(bare, '/command/report', users(succeeded)) },
    {
      name: 'report, users',
      comparedWith: against('bare report'),
      load: load(homing, '/command/report', users(succeeded)),
    },
    {
      name: 'report, attack',
      comparedWith: against('bare report'),
      load: load(homing, '/command/report', attack(failed)),
    },
  ]
}

type Body = Readonly<Record<string, unknown>>

const asked: Body = {}
const succeeded: Body = { success: true, policy_reject: false }
const failed: Body = { success: false, policy_reject: false }

/** Each from the address they always come from. */
const users = (more: Body) =>
  bodies(n => ({ login: `user${n}@example.org`, remote: `192.${n >> 8}.${n & 255}.1`, pwhash: '02ec' }), more)

/** One user, each guess from another network. */
const attack = (more: Body) =>
  bodies(
    n => ({ login: 'anna@example.org', remote: `11.${n >> 8}.${n & 255}.1`, pwhash: n.toString(16) }),
    more,
  )

const bodies = (attempt: (n: number) => Body, more: Body): string[] =>
  Array.from({ length: BODIES }, (_, n) =>
    JSON.stringify({
      device_id: '',
      fail_type: '',
      protocol: 'imap',
      session_id: `session${n}`,
      mech: 'PLAIN',
      ...attempt(n),
      ...more,
      tls: true,
    }),
  )

/** Starts a server; resolves to the port that its output shows first. */
function listening(
  children: ChildProcess[],
  command: string[],
  env: Record<string, string>,
  folder: string,
): Promise<number> {
  const [file = '', ...args] = [...pin(serverCore), ...command]
  const child = spawn(file, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return new Promise((resolve, reject) => {
    child.on('exit', code => reject(new Error(`the server ended with ${code} before it was ready`)))
    createInterface(child.stdout).on('line', line => {
      const found = /127\.0\.0\.1:(\d+)/.exec(line) ?? /^(\d+)$/.exec(line)
      if (found) resolve(Number(found[1]))
    })
  })
}

function run(folder: string, load: HttpLoad): Promise<LoadResult> {
  const file = join(folder, 'load.json')
  writeFileSync(file, JSON.stringify(load))
  const [command = '', ...args] = [
    ...pin(loadCore),
    process.execPath,
    join(import.meta.dirname, '../http-load.js'),
    file,
  ]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (text: Buffer) => {
      output += text
    })
    child.on('exit', code =>
      code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`the load generator ended with ${code}`)),
    )
  })
}

const pin = (core: string | undefined): string[] => (core === undefined ? [] : ['taskset', '-c', core])
