// One connection on the direct way, for as long as its peer asks in the plainest form and one question at a time.

import type { Socket } from 'node:net'
import { type DirectReply, formatDirectReply } from './direct-reply.js'
import { type DirectRequest, readDirectRequest } from './direct-request.js'

/** Never rejects. undefined: not to be answered here; then nothing has been asked yet. */
export type DirectAnswer = (
  request: DirectRequest,
  peer: string | undefined,
) => Promise<DirectReply> | undefined

export interface DirectWay {
  readonly bodyLimit: number
  readonly answers: ReadonlyMap<string, DirectAnswer>
  /** From then on node:http gets all requests: it tells callers to connect elsewhere. */
  isClosing(): boolean
  /** Gives the connection to node:http, as if it had only just been made. */
  toNode(socket: Socket): void
  answered(reply: DirectReply, ms: number): void
  /** The connection is closed, or node:http's. */
  left(connection: DirectConnection): void
}

export interface DirectConnection {
  /** Since when nothing has been under way (performance.now()); undefined while a question is. */
  readonly idleSince: number | undefined
  /** Whether it has ever brought a request. */
  readonly hasAsked: boolean
  /** Gives it up: to node:http, which knows how to deal with slow peers. */
  handOver(): void
  destroy(): void
}

/** Answers what comes over the socket, until something comes that is for node:http. */
export function answerDirectly(socket: Socket, way: DirectWay): DirectConnection {
  let idleSince: number | undefined = performance.now()
  let hasAsked = false
  let hasEnded = false
  /** Came before the answer to the request before it: for node:http. */
  let next: Buffer | undefined

  const connection: DirectConnection = {
    get idleSince() {
      return idleSince
    },
    get hasAsked() {
      return hasAsked
    },
    handOver: () => handOver(),
    destroy: () => socket.destroy(),
  }
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('error', onError)
  socket.on('close', onClose)
  socket.on('drain', onDrain)
  return connection

  function onData(bytes: Buffer): void {
    if (idleSince === undefined) {
      socket.pause()
      next = next === undefined ? bytes : Buffer.concat([next, bytes])
      return
    }
    const request = way.isClosing() ? undefined : readDirectRequest(bytes, way.bodyLimit)
    const startedAt = performance.now()
    const answering = request && way.answers.get(request.path)?.(request, socket.remoteAddress)
    if (answering === undefined) {
      handOver(bytes)
      return
    }
    idleSince = undefined
    hasAsked = true
    void answering.then(reply => {
      idleSince = performance.now()
      if (socket.destroyed) return
      send(reply)
      way.answered(reply, idleSince - startedAt)
    })
  }

  function send(reply: DirectReply): void {
    const bytes = next
    next = undefined
    const isLast = bytes === undefined && (hasEnded || way.isClosing())
    socket.write(formatDirectReply(reply, isLast), 'utf8')
    if (isLast) socket.end()
    else if (bytes !== undefined) handOver(bytes)
    // A peer that asks and does not read its answers is not asked for more.
    else if (socket.writableNeedDrain) socket.pause()
  }

  function onDrain(): void {
    if (next === undefined) socket.resume()
  }

  function onEnd(): void {
    hasEnded = true
    if (idleSince !== undefined) socket.end()
  }

  function onError(): void {
    socket.destroy()
  }

  function onClose(): void {
    way.left(connection)
  }

  function handOver(bytes?: Buffer): void {
    if (socket.destroyed) return
    socket
      .off('data', onData)
      .off('end', onEnd)
      .off('error', onError)
      .off('close', onClose)
      .off('drain', onDrain)
    way.left(connection)
    socket.pause()
    if (bytes !== undefined) socket.unshift(bytes)
    way.toNode(socket)
    socket.resume()
  }
}
