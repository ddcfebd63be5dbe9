// A TCP connection to a server with a network's faults in it: late, stuttering, cut, or silent for ever. It runs in a
// process of its own, so that what goes over it does not wait for whoever asks and measures.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export type LinkFault =
  /** Every piece of data comes so much later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Each piece, with this likelihood, comes as late as a retransmission would bring it; all come at uneven times. */
  | { readonly kind: 'lossy'; readonly loss: number; readonly jitterMs: number }
  /** Nothing passes any more, and nobody is told: a half-open connection. */
  | { readonly kind: 'silent' }
  /** The server's answers stop after so many bytes: in the middle of a row. */
  | { readonly kind: 'stalls'; readonly afterBytes: number }
  /** Connections are cut, and no new one is let in. */
  | { readonly kind: 'refused' }

export interface FaultyLink {
  readonly port: number
  /** From here on it is so, for connections that exist, too; undefined: all is well again. */
  be(fault: LinkFault | undefined): void
  close(): Promise<void>
}

/** What TCP waits at least before it sends anew (RTO, RFC 6298), here without its doubling. */
const RETRANSMISSION_MS = 200

export async function startFaultyLink(target: number): Promise<FaultyLink> {
  const child = fork(import.meta.filename, [String(target)], { execArgv: [] })
  const [port] = (await once(child, 'message')) as [number]
  return {
    port,
    be: fault => void child.send({ fault }),
    close: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Carries until the process that started it is gone. */
function serve(target: number): void {
  let fault: LinkFault | undefined
  const pairs = new Set<Socket>()
  const server = createServer(client => {
    if (fault?.kind === 'refused') {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      pairs.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => pairs.delete(socket))
    }
    carry(client, upstream, () => fault, false)
    carry(upstream, client, () => fault, true)
  })
  process.on('message', (message: { readonly fault?: LinkFault }) => {
    fault = message.fault
    if (fault?.kind === 'refused') for (const socket of pairs) socket.resetAndDestroy()
  })
  process.on('disconnect', () => process.exit())
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
}

function carry(from: Socket, to: Socket, fault: () => LinkFault | undefined, isAnswer: boolean): void {
  let free = 0
  let passed = 0
  let isLost = false
  from.on('data', bytes => {
    const now = performance.now()
    const current = fault()
    if (current?.kind === 'silent') isLost = true
    if (current?.kind === 'stalls' && isAnswer) {
      const rest = Math.max(0, current.afterBytes - passed)
      passed += bytes.length
      if (rest < bytes.length) {
        isLost = true
        if (rest > 0) to.write(bytes.subarray(0, rest))
      }
    }
    if (isLost) return
    // In order, whatever the delays: it is a stream.
    free = Math.max(free, now + delayOf(current))
    if (free <= now) to.write(bytes)
    else setTimeout(() => !to.destroyed && to.write(bytes), free - now)
  })
  from.on('close', () => {
    if (fault()?.kind !== 'silent') setTimeout(() => to.destroy(), Math.max(0, free - performance.now()))
  })
}

function delayOf(fault: LinkFault | undefined): number {
  if (fault?.kind === 'slow') return fault.delayMs
  if (fault?.kind !== 'lossy') return 0
  let delay = Math.random() * fault.jitterMs
  while (Math.random() < fault.loss) delay += RETRANSMISSION_MS
  return delay
}

if (process.argv[1] === import.meta.filename) serve(Number(process.argv[2]))
