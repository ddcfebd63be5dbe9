// allow and report as Dovecot asks them, beside routes that answer at once: users who log in, and guessers from everywhere.

import { join } from 'node:path'
import {
  type BenchProcesses,
  here,
  loadCore,
  openBenchProcesses,
  program,
  serverCore,
} from '../bench-processes.js'
import type { Contender, Measurement, Timing } from './measurement.js'

const IN_FLIGHT = 32
const BODIES = 20_000
const GOAL = 0.4

export const policy: Measurement = {
  name: 'policy',
  title: `auth-policy on one core, ${IN_FLIGHT} in flight`,
  async open(folder) {
    const processes = openBenchProcesses(folder)
    const close = async () => processes.stop()
    try {
      const bare = await processes.start([here('policy-bare.js')], /^(\d+)$/, { core: serverCore })
      const env = {
        HOMING_LISTEN: `unix:${join(folder, 'http.sock')}`,
        HOMING_POLICY_LISTEN: '127.0.0.1:0',
        HOMING_LOG_LEVEL: 'info',
      }
      const options = { env, core: serverCore }
      const homing = await processes.start([program, 'serve'], /127\.0\.0\.1:(\d+)/, options)
      return { contenders: contendersOf(processes, bare.number, homing.number), close }
    } catch (error) {
      await close()
      throw error
    }
  },
}

function contendersOf(processes: BenchProcesses, bare: number, homing: number): Contender[] {
  const load = (port: number, path: string, bodies: readonly string[]) => (timing: Timing) =>
    processes.runLoad('http-load.js', { port, path, bodies, inFlight: IN_FLIGHT, ...timing }, loadCore)
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
