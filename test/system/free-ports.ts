import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** Below those that Linux gives to connections (ip_local_port_range): one of them would take a port before its server does. */
const [LOWEST, HIGHEST] = [10_000, 32_000]
const BLOCK = 50

/** Ports that are this process's and were not given to anybody yet. */
const own: number[] = []

/**
 * Ports on 127.0.0.1 that nobody listens on, all different, and never the same twice. Test processes that run side by side
 * choose from blocks of their own: between the choice and the start of its server nobody else may be given a port.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = own.pop()
    if (port === undefined) own.push(...(await claimBlock()))
    else if (await isFree(port)) ports.push(port)
  }
  return ports
}

/** A block belongs to the process that listens on its first port, for as long as that process lives. */
async function claimBlock(): Promise<number[]> {
  for (;;) {
    const first = LOWEST + BLOCK * randomInt((HIGHEST - LOWEST) / BLOCK)
    const claim = await listening(first)
    if (claim) return Array.from({ length: BLOCK - 1 }, (_, at) => first + 1 + at)
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = await listening(port)
  if (!server) return false
  await once(server.close(), 'close')
  return true
}

/** Keeps no process alive. Undefined where somebody else listens. */
function listening(port: number): Promise<Server | undefined> {
  const server = createServer().unref()
  return new Promise(resolve => {
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
