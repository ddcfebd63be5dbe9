// Runs deploy/dovecot-2.3/checkpassword as Dovecot 2.3 does, against a service whose answers the test writes down.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Test } from 'tap'

export const program = join(import.meta.dirname, '../../../../deploy/dovecot-2.3/checkpassword')

/** Why it cannot run here: undefined when it can. */
export const whyNot = existsSync('/usr/bin/perl') ? undefined : 'perl is missing'

/** What Dovecot 2.3.19.1 has in the environment of a login over IMAP, as it was seen. */
export const login = {
  PROTO: 'TCP',
  ORIG_UID: String(process.getuid?.() ?? 0),
  SERVICE: 'imap',
  TCPLOCALIP: '192.0.2.1',
  TCPLOCALPORT: '993',
  TCPREMOTEIP: '198.51.100.7',
  LOCAL_IP: '192.0.2.1',
  REMOTE_IP: '198.51.100.7',
  AUTH_MECH: 'PLAIN',
  AUTH_SECURED: 'TLS',
  AUTH_SESSION: 'x7Zk/bcA9K1/AAAB',
  AUTH_REAL_LIP: '192.0.2.8',
  AUTH_REAL_RIP: '192.0.2.9',
}
export const userdbLookup = { ...login, AUTHORIZED: '1' }
export const credentialsLookup = { ...userdbLookup, CREDENTIALS_LOOKUP: '1', SCHEME: '' }

export interface Asked {
  readonly head: string
  readonly body: string
  /** The program's command line and environment while it waits for the answer. */
  readonly commandLine: string
  readonly environment: string
}

export type Answer = string | ((socket: Socket) => void)

export interface Service {
  readonly path: string
  readonly asked: Asked[]
  answer: Answer
}

/** A whole HTTP answer. */
export const http = (status: number, payload: string): string =>
  `HTTP/1.1 ${status} X\r\nContent-Type: text/x-dovecot-fields\r\nContent-Length: ${Buffer.byteLength(payload)}\r\n\r\n${payload}`

export const line = (...pairs: string[]): string => http(200, `${pairs.join('\t')}\n`)

let running: ChildProcess | undefined

export async function startService(t: Test): Promise<Service> {
  const folder = mkdtempSync(join(tmpdir(), 'homing-checkpassword-'))
  const path = join(folder, 'http.sock')
  const service: Service = { path, asked: [], answer: '' }
  const server = createServer(socket => {
    let received = ''
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('data', bytes => {
      received += bytes
      const end = received.indexOf('\r\n\r\n')
      const length = Number(/^content-length: (\d+)/im.exec(received)?.[1])
      if (end < 0 || received.length < end + 4 + length) return
      const pids = processes(running?.pid)
      const proc = (name: string) => pids.map(pid => readIfThere(`/proc/${pid}/${name}`)).join('')
      service.asked.push({
        head: received.slice(0, end),
        body: received.slice(end + 4),
        commandLine: proc('cmdline'),
        environment: proc('environ'),
      })
      if (typeof service.answer === 'string') socket.end(service.answer)
      else service.answer(socket)
    })
  })
  await new Promise<void>(resolve => void server.listen(path, resolve))
  t.teardown(() => {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return service
}

/** The program and what it has started. */
function processes(pid: number | undefined): string[] {
  const children = readIfThere(`/proc/${pid}/task/${pid}/children`).trim()
  return [String(pid), ...children.split(' ').filter(child => child !== '')]
}

/** One that has ended since has neither arguments nor environment. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

export interface Run {
  readonly status: number | null
  /** What came on fd 4. */
  readonly reply: string
  readonly stderr: string
}

/**
 * Starts it with `input` on fd 3; `args` are what Dovecot appends, and what stands before it. With `memoryKiB` no process
 * gets more than so much.
 */
export function run(
  environment: Readonly<Record<string, string>>,
  input: string,
  args: readonly string[],
  memoryKiB?: number,
): Promise<Run> {
  const limited = `ulimit -v ${memoryKiB ?? 'unlimited'} && exec "$0" "$@"`
  const [file, ...given] =
    memoryKiB === undefined ? [program, ...args] : ['/bin/sh', '-c', limited, program, ...args]
  return new Promise((resolve, reject) => {
    const child = spawn(file, given, {
      env: { PATH: '/usr/bin:/bin', ...environment },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    })
    running = child
    const collect = (stream: unknown) => {
      const chunks: Buffer[] = []
      ;(stream as Readable).on('data', chunk => chunks.push(chunk))
      return () => Buffer.concat(chunks).toString('latin1')
    }
    const [stderr, reply] = [collect(child.stdio[2]), collect(child.stdio[4])]
    const fd3 = child.stdio[3] as unknown as Writable
    fd3.on('error', () => {})
    fd3.end(Buffer.from(input, 'latin1'))
    child.on('error', reject)
    child.on('close', status => resolve({ status, reply: reply(), stderr: stderr() }))
  })
}
