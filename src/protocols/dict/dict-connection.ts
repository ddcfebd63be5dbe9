// One peer of the dict server: its bytes, how much of them may wait, and how long it may take.

import type { Socket } from 'node:net'
import type { DictEngine } from './dict-answer.js'
import { createDictSession, type DictOutput } from './dict-session.js'
import { createLineCutter } from './dict-wire.js'

export interface DictConnectionOptions {
  readonly engine: DictEngine
  readonly warn: (message: string) => void
  readonly reportBug: (error: unknown) => void
  /** Called once when the peer is gone. */
  readonly closed: () => void
}

export interface DictConnection {
  /** Looks for what takes too long. `nowMs`: since 1970. */
  sweep(nowMs: number): void
  /** Ends the connection once all questions are answered. */
  finish(): void
  destroy(): void
}

/** A peer says who it is at once. */
const GREETING_MS = 10_000
/** Between the first and the last byte of a line, and between one read and the next of what we sent. */
const STALL_MS = 30_000
/** How long a peer may take to notice that we have ended the connection. */
const LAST_WORDS_MS = 1000
/** Before Dovecot's own 30 seconds are over (dict-client.c, DICT_CLIENT_REQUEST_TIMEOUT_MSECS), so that it hears why. */
const ANSWER_MS = 25_000
/** With more questions waiting than this, or more bytes unread, nothing more is read from the peer. */
const WAITING_MOST = 1024
const UNREAD_MOST_BYTES = 64 * 1024

/** Serves a peer until it goes. */
export function createDictConnection(
  socket: Socket,
  { engine, warn, reportBug, closed }: DictConnectionOptions,
): DictConnection {
  const cutter = createLineCutter()
  const acceptedAtMs = Date.now()
  let unsent = ''
  let isFlushing = false
  let isEnding = false
  let lineBeganAtMs = 0
  let stalledSinceMs: number | undefined
  let readByPeer = 0
  const roomWaiters = new Set<(isThere: boolean) => void>()

  const output: DictOutput = {
    send(text) {
      unsent += text
      if (isFlushing) return
      isFlushing = true
      // After all that has come is read: what came in one piece goes out in one, and to read them all and then to answer them
      // all is quicker than in turn.
      setImmediate(flush)
    },
    announce(text) {
      unsent += text
    },
    get isFull() {
      return unreadBytes() > UNREAD_MOST_BYTES
    },
    room() {
      if (socket.destroyed) return Promise.resolve(false)
      return new Promise(resolve => roomWaiters.add(resolve))
    },
    end(why) {
      if (why !== undefined) warn(`dict: a peer was sent away: ${why}`)
      isEnding = true
      process.nextTick(flush)
    },
  }
  const session = createDictSession({ engine, output, now: Date.now, reportBug })

  socket.on('data', bytes => {
    // Closed with bytes unread, the connection would take our last answer with it.
    if (isEnding || cutter.isTooLong) return
    for (const line of cutter.take(bytes.toString('latin1'))) session.take(line)
    if (cutter.isTooLong) {
      session.takeTooLong(cutter.rest)
      return
    }
    if (cutter.rest === '') lineBeganAtMs = 0
    else if (lineBeganAtMs === 0) lineBeganAtMs = Date.now()
    if (isBusy()) socket.pause()
  })
  socket.on('drain', letGoOn)
  socket.on('end', () => session.finish())
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    session.close()
    for (const resolve of roomWaiters) resolve(false)
    roomWaiters.clear()
    closed()
  })

  return {
    sweep(nowMs) {
      session.failStartedBefore(nowMs - ANSWER_MS)
      if (!session.hasGreeted && nowMs - acceptedAtMs > GREETING_MS) return sendAway('no greeting came')
      if (lineBeganAtMs > 0 && nowMs - lineBeganAtMs > STALL_MS) return sendAway('a line did not end')
      const read = socket.bytesWritten - socket.writableLength
      if (socket.writableLength === 0 || read !== readByPeer) stalledSinceMs = undefined
      else stalledSinceMs ??= nowMs
      readByPeer = read
      if (stalledSinceMs !== undefined && nowMs - stalledSinceMs > STALL_MS) {
        sendAway('it does not read its answers')
      }
    },
    finish: () => session.finish(),
    destroy: () => socket.destroy(),
  }

  function flush(): void {
    isFlushing = false
    if (socket.destroyed) return
    if (unsent !== '') {
      const text = unsent
      unsent = ''
      socket.write(text, 'utf8')
    }
    if (isEnding) {
      socket.end()
      setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref()
    }
    letGoOn()
  }

  function letGoOn(): void {
    if (output.isFull) return
    for (const resolve of roomWaiters) resolve(true)
    roomWaiters.clear()
    if (socket.isPaused() && !isBusy()) socket.resume()
  }

  function isBusy(): boolean {
    return session.waiting > WAITING_MOST || output.isFull
  }

  function unreadBytes(): number {
    return unsent.length + socket.writableLength
  }

  function sendAway(why: string): void {
    warn(`dict: a peer was sent away: ${why}`)
    socket.destroy()
  }
}
