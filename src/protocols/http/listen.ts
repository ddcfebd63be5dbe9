// From an address to a socket that answers, and back without cutting anybody off.

import { chmod } from 'node:fs/promises'
import { Server as NetServer } from 'node:net'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Services } from '../services.js'
import { BACKLOG, removeStaleSocket } from '../unix-socket.js'
import type { ListenerTrust } from './caller.js'
import type { Door } from './door.js'
import type { DoorTls } from './door-tls.js'
import { type Closing, createHttpServer } from './http-server.js'
import type { HttpSettings } from './http-settings.js'

export type HttpAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

export interface HttpListener {
  /** Where it answers; port 0 has become the real one. */
  readonly address: HttpAddress
  /** Takes no new connection, lets what has begun finish, and cuts off what has not after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

/**
 * Begins to answer on the address. A unix socket that a dead process left behind is replaced; one that somebody
 * answers on is an error, and then nothing is left open.
 */
export async function openHttpListener(
  services: Services,
  settings: HttpSettings,
  address: HttpAddress,
  door?: Door,
  doorTls?: DoorTls,
): Promise<HttpListener> {
  const closing: Closing = { now: false }
  const tls = address.kind === 'unix' ? undefined : doorTls
  const app = createHttpServer(services, settings, trustOf(address, tls), closing, door, tls)
  try {
    const bound = await listen(app, address, settings.unix_listener_mode)
    const close = (timeoutMs: number) => {
      closing.now = true
      return drain(app, closing.cutOff, timeoutMs)
    }
    return { address: bound, close }
  } catch (error) {
    await app.close()
    throw error
  }
}

function trustOf(address: HttpAddress, tls: DoorTls | undefined): ListenerTrust {
  if (address.kind === 'unix') return 'unix-socket'
  return tls?.serverOptions.requestCert ? 'client-certificate' : 'tcp'
}

/** How long an idle connection may still bring a request that was on its way when we stopped listening. */
const LAST_REQUESTS_MS = 250
const LOOK_AGAIN_MS = 10

/**
 * Stops listening, answers what has begun and what still arrives on kept connections, then closes those that are
 * idle. Node's own close() would close them at once, under the hands of a caller who is just sending.
 */
async function drain(app: FastifyInstance, cutOff: Closing['cutOff'], timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => cutOff?.(), timeoutMs)
  NetServer.prototype.close.call(app.server)
  const until = performance.now() + LAST_REQUESTS_MS
  while (performance.now() < until && (await connectionsOf(app)) > 0) await sleep(LOOK_AGAIN_MS)
  // A busy process may have slept over it all: read once more what lies in the sockets before they are closed.
  await setImmediate()
  await app.close()
  clearTimeout(timer)
}

function connectionsOf(app: FastifyInstance): Promise<number> {
  return new Promise(resolve => app.server.getConnections((error, count) => resolve(error ? 0 : count)))
}

async function listen(app: FastifyInstance, address: HttpAddress, unixMode: string): Promise<HttpAddress> {
  if (address.kind === 'tcp') {
    await app.listen({ host: address.host, port: address.port, backlog: BACKLOG })
    const bound = app.server.address()
    return typeof bound === 'object' && bound ? { ...address, port: bound.port } : address
  }
  await removeStaleSocket(address.path)
  await app.listen({ path: address.path, backlog: BACKLOG })
  await chmod(address.path, Number.parseInt(unixMode, 8))
  return address
}
