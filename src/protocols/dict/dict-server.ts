// The dict protocol on a unix socket: connections, their memory and their patience.

import { chmod } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { VerifyPolicy } from '../../password/verify-password.js'
import type { Services } from '../services.js'
import { BACKLOG, removeStaleSocket } from '../unix-socket.js'
import { createDictConnection, type DictConnection } from './dict-connection.js'

export interface DictListenerOptions {
  readonly services: Services
  readonly path: string
  /** Which stored passwords may be shown to Dovecot: those that we would compare ourselves. */
  readonly policy: VerifyPolicy
  /** Permissions of the socket, octal. */
  readonly mode: string
  /** Told of peers that do not speak the protocol, in a sentence without names and passwords. */
  readonly warn: (message: string) => void
}

export interface DictListener {
  readonly path: string
  /** How many peers are connected. */
  readonly connections: number
  /** Takes no new connection, answers what has begun, and cuts off what has not ended after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

/** How often connections are looked at for peers and questions that take too long. */
const SWEEP_MS = 1000
/** How long a kept connection may still bring a question that was on its way when we stopped listening. */
const LAST_QUESTIONS_MS = 250
const LOOK_AGAIN_MS = 10

/** Opens one listener per socket. When it throws (a socket in use) nothing is left open. */
export async function openDictListeners({
  sockets,
  ...options
}: Omit<DictListenerOptions, 'path'> & { readonly sockets: readonly string[] }): Promise<DictListener[]> {
  const open: DictListener[] = []
  try {
    for (const path of sockets) open.push(await openDictListener({ ...options, path }))
    return open
  } catch (error) {
    await Promise.all(open.map(listener => listener.close(0)))
    throw error
  }
}

/**
 * Begins to answer. A socket that a dead process left behind is replaced; one that somebody answers on is an error,
 * and then nothing is left open.
 */
export async function openDictListener({
  services,
  path,
  policy,
  mode,
  warn,
}: DictListenerOptions): Promise<DictListener> {
  const connections = new Set<DictConnection>()
  const server = createServer({ allowHalfOpen: true }, accept)
  await removeStaleSocket(path)
  await listen(server, path)
  try {
    await chmod(path, Number.parseInt(mode, 8))
  } catch (error) {
    server.close()
    throw error
  }
  const sweeping = setInterval(() => {
    const now = Date.now()
    for (const connection of connections) connection.sweep(now)
  }, SWEEP_MS)
  sweeping.unref()

  return {
    path,
    get connections() {
      return connections.size
    },
    async close(timeoutMs) {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      const cutOff = setTimeout(() => {
        for (const connection of connections) connection.destroy()
      }, timeoutMs)
      const until = performance.now() + LAST_QUESTIONS_MS
      while (performance.now() < until && connections.size > 0) await sleep(LOOK_AGAIN_MS)
      for (const connection of connections) connection.finish()
      await closed
      clearTimeout(cutOff)
      clearInterval(sweeping)
    },
  }

  function accept(socket: Socket): void {
    const connection = createDictConnection(socket, {
      engine: { auth: services.auth, policy },
      warn,
      reportBug: error => services.reportBug('dict', error),
      closed: () => {
        connections.delete(connection)
        services.watch?.connected('dict', -1)
      },
    })
    connections.add(connection)
    services.watch?.connected('dict', 1)
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
