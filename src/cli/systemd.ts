// What systemd is told of a service with Type=notify (sd_notify(3)): that it is ready, reads its configuration again,
// stops, and is alive.

import { execFile } from 'node:child_process'

/** Node has no unix datagram sockets, so systemd's own program speaks for us; the unit says NotifyAccess=all. */
const PROGRAM = 'systemd-notify'

const PATIENCE_MS = 2000

export interface Systemd {
  /** Each resolves when systemd has been told, or could not be; never rejects. */
  ready(): Promise<void>
  reloading(): Promise<void>
  stopping(): Promise<void>
}

const nobody: Systemd = { ready: async () => {}, reloading: async () => {}, stopping: async () => {} }

/**
 * Speaks to the systemd that started this process, or to nobody when none did (no NOTIFY_SOCKET). From `ready` on it
 * is told twice in each WatchdogSec that the event loop turns; a process that hangs says nothing and is restarted.
 */
export function systemdOf(environment: NodeJS.ProcessEnv, warn: (message: string) => void): Systemd {
  if (!environment.NOTIFY_SOCKET) return nobody
  let last: Promise<void> = Promise.resolve()
  let isWatched = false
  let isLate = false
  /** In the order in which it was said: READY=1 before RELOADING=1 would leave the unit reloading. */
  const say = (...variables: string[]): Promise<void> => {
    last = last
      .then(() => send(variables, environment))
      .then(wrong => {
        if (wrong !== undefined) warn(`systemd cannot be told ${variables[0]}: ${wrong}`)
      })
    return last
  }
  /** Once at a time: on a machine that is slow to start a program they would pile up. */
  const alive = () => {
    if (isLate) return
    isLate = true
    void say('WATCHDOG=1').finally(() => {
      isLate = false
    })
  }
  return {
    ready() {
      const pause = watchdogPauseMs(environment)
      if (pause !== undefined && !isWatched) setInterval(alive, pause).unref()
      isWatched = true
      return say('READY=1')
    },
    reloading: () => say('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => say('STOPPING=1'),
  }
}

/** Half of what systemd waits; undefined when it does not watch this process. */
function watchdogPauseMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const limitMs = Number(WATCHDOG_USEC) / 1000
  const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid)
  return isOurs && limitMs >= 1 ? limitMs / 2 : undefined
}

/** What was in the way, if anything. The program gets nothing of the environment that may hold secrets. */
function send(
  variables: readonly string[],
  { NOTIFY_SOCKET, PATH }: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  return new Promise(resolve =>
    execFile(
      PROGRAM,
      variables,
      { env: { NOTIFY_SOCKET, PATH }, timeout: PATIENCE_MS, killSignal: 'SIGKILL' },
      (error, _out, said) => resolve(error === null ? undefined : said.trim() || error.message),
    ),
  )
}
