// The direct way of a listener: connections are answered without node:http for as long as that is possible, and become
// node:http's when it is not. TLS, half requests, pipelines, chunks, other methods: all that is node:http's.

import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { answerDirectly, type DirectAnswer, type DirectConnection } from './direct-connection.js'
import type { DirectReply } from './direct-reply.js'

export interface DirectWayOptions {
  readonly bodyLimit: number
  /** How long a connection may bring no request: at first, and after one. */
  readonly firstRequestMs: number
  readonly keepAliveMs: number
  isClosing(): boolean
  answered(reply: DirectReply, ms: number): void
}

/** Path → who answers it directly. What is mounted here is mounted as a route as well. */
export type DirectAnswers = Map<string, DirectAnswer>

export interface OpenDirectWay {
  readonly answers: DirectAnswers
  /** Ends every connection at once. */
  destroyAll(): void
}

const SWEEP_MS = 1000
const ENDED_AT_ONCE = 10

/** Opens it on a server that does not listen yet. When the app closes, connections without a question end. */
export function openDirectWay(app: FastifyInstance, options: DirectWayOptions): OpenDirectWay {
  const { server } = app
  const answers: DirectAnswers = new Map()
  const connections = new Set<DirectConnection>()
  // node:http's own, the first and only one as long as nobody has added another.
  const [toNode] = server.listeners('connection') as ((this: unknown, socket: Socket) => void)[]
  if (toNode === undefined) throw new TypeError('the server has no listener for connections')
  server.removeAllListeners('connection')
  const way = {
    bodyLimit: options.bodyLimit,
    answers,
    isClosing: options.isClosing,
    toNode: (socket: Socket) => toNode.call(server, socket),
    answered: options.answered,
    left: (connection: DirectConnection) => connections.delete(connection),
  }
  server.on('connection', (socket: Socket) => {
    if (answers.size === 0 || options.isClosing()) way.toNode(socket)
    else connections.add(answerDirectly(socket, way))
  })
  const timer = setInterval(sweep, SWEEP_MS)
  timer.unref()
  app.addHook('preClose', done => {
    clearInterval(timer)
    for (const connection of connections) if (connection.idleSince !== undefined) connection.destroy()
    done()
  })
  return {
    answers,
    destroyAll: () => {
      for (const connection of connections) connection.destroy()
    },
  }

  function sweep(): void {
    const late = [...connections].filter(connection => whatIsLate(connection) !== undefined)
    endSome(late)
  }

  /** A few at a time: a crowd that has come together is late together, and others want to be answered meanwhile. */
  function endSome(late: DirectConnection[]): void {
    for (const connection of late.splice(0, ENDED_AT_ONCE)) {
      const what = whatIsLate(connection)
      // Its answer to who says nothing is node:http's.
      if (what === 'first request') connection.handOver()
      else if (what === 'next request') connection.destroy()
    }
    if (late.length > 0) setImmediate(endSome, late)
  }

  function whatIsLate(connection: DirectConnection): 'first request' | 'next request' | undefined {
    const { idleSince, hasAsked } = connection
    if (idleSince === undefined || !connections.has(connection)) return undefined
    const idleMs = performance.now() - idleSince
    if (!hasAsked && idleMs > options.firstRequestMs) return 'first request'
    return idleMs > options.keepAliveMs ? 'next request' : undefined
  }
}
