// Many connections that say next to nothing, from a process of its own: what it costs to be many is not the service's.
// Arguments: how many, and the ports. Runs until it is ended.

import { connect } from 'node:net'
import { setPriority } from 'node:os'

const HEAD = 'POST /v1/passdb/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
/** As if on a machine of its own. */
const NICEST = 19

const [count = 0, ...ports] = process.argv.slice(2).map(Number)
setPriority(NICEST)
for (let at = 0; at < count; at++) join(at)

/** Half of them say nothing, the others a byte a second of a request that never ends: of its head, or of its body. */
function join(at: number): void {
  const socket = connect(ports[at % ports.length] ?? 0, '127.0.0.1')
  socket.on('error', () => {})
  if (at % 2 === 0) return
  socket.write(at % 4 === 1 ? `${HEAD}Content-Length: 200\r\n\r\n{` : HEAD)
  const drip = setInterval(() => socket.writable && socket.write('x'), 1000)
  socket.on('close', () => clearInterval(drip))
}
