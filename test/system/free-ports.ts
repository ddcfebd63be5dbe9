import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'

/** Below those that Linux gives to connections (ip_local_port_range): one of them would take a port before its server does. */
const [LOWEST, HIGHEST] = [10_000, 32_000]

/** Ports on 127.0.0.1 that nobody listened on a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = new Map<number, Server>()
  while (servers.size < count) {
    const port = randomInt(LOWEST, HIGHEST)
    const server = servers.has(port) ? undefined : await listening(port)
    if (server) servers.set(port, server)
  }
  await Promise.all([...servers.values()].map(server => new Promise(resolve => server.close(resolve))))
  return [...servers.keys()]
}

/** undefined where somebody else listens. */
function listening(port: number): Promise<Server | undefined> {
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
