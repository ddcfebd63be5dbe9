// A load generator in a process of its own: so many requests in flight over kept connections, for so long.
// Its argument is a file with an HttpLoad as JSON; prints a LoadResult.

import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { type LoadResult, record } from './load-result.js'

/** One POST route under load. */
export interface HttpLoad {
  readonly port: number
  readonly path: string
  /** Bodies that are sent in turn. */
  readonly bodies: readonly string[]
  readonly inFlight: number
  /** What it shows, if it must show one. */
  readonly token?: string
  readonly warmupMs: number
  readonly durationMs: number
}

const headEnd = Buffer.from('\r\n\r\n')

/** Runs the load in this process. */
export function runHttpLoad(load: HttpLoad): Promise<LoadResult> {
  const requests = load.bodies.map(body => requestBytes(load, body))
  let next = 0

  return new Promise((resolve, reject) => {
    const sockets = Array.from({ length: load.inFlight }, openOne)
    const recorder = record(
      load,
      () => {
        for (const socket of sockets) socket.destroy()
      },
      resolve,
    )

    function openOne(): Socket {
      const socket = connect(load.port, '127.0.0.1')
      socket.setNoDelay(true)
      let sentAt = 0
      let pending = Buffer.alloc(0)
      const send = () => {
        sentAt = performance.now()
        socket.write(requests[next++ % requests.length] ?? '')
      }
      socket.on('connect', send)
      socket.on('error', error => (recorder.isOver() ? undefined : reject(error)))
      socket.on('close', () =>
        recorder.isOver() ? undefined : reject(new Error('the server closed a connection')),
      )
      socket.on('data', chunk => {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
        const head = pending.indexOf(headEnd)
        if (head < 0) return
        const length = contentLength(pending, head)
        if (pending.length < head + headEnd.length + length) return
        recorder.answered(pending.toString('latin1', 9, 12), sentAt)
        pending = Buffer.alloc(0)
        if (!recorder.isOver()) send()
      })
      return socket
    }
  })
}

function requestBytes({ path, token }: HttpLoad, body: string): Buffer {
  const authorization = token ? `Authorization: Bearer ${token}\r\n` : ''
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${authorization}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  return Buffer.from(head + body)
}

function contentLength(reply: Buffer, headLength: number): number {
  const head = reply.toString('latin1', 0, headLength).toLowerCase()
  const at = head.indexOf('content-length: ')
  return Number.parseInt(head.slice(at + 'content-length: '.length), 10)
}

if (process.argv[1] === import.meta.filename) {
  const [, , file = ''] = process.argv
  console.log(JSON.stringify(await runHttpLoad(JSON.parse(readFileSync(file, 'utf8')))))
}
