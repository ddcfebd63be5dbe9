// Asks an HTTP service over kept connections, as many questions at once as there are, one on each connection.

import { connect, type Socket } from 'node:net'

export interface HttpAnswer {
  readonly status: number
  /** From the question to the whole answer. */
  readonly ms: number
  /** When it was there, by performance.now(). */
  readonly at: number
  readonly retryAfter: string | undefined
  /** The verdict's word. */
  readonly result: string
  /** Where the mail of who may log in is, if it is elsewhere. */
  readonly host: string | undefined
}

interface Connection {
  readonly socket: Socket
  pending: string
  /** Who waits for the answer; nobody when it is idle. */
  waiter: { sentAt: number; resolve(answer: HttpAnswer): void; reject(cause: Error): void } | undefined
}

export class HttpCaller {
  readonly #port: number
  readonly #head: string
  readonly #idle: Connection[] = []
  readonly #all = new Set<Connection>()

  constructor(url: string, token: string) {
    this.#port = Number(new URL(url).port)
    this.#head = `HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`
  }

  /** Rejects when the connection is cut, or when there is no answer in time. */
  ask(path: string, body: object, patienceMs?: number): Promise<HttpAnswer> {
    const text = JSON.stringify(body)
    const connection = this.#idle.pop() ?? this.#open()
    return new Promise((resolve, reject) => {
      const timer =
        patienceMs && setTimeout(() => connection.socket.destroy(new Error('no answer')), patienceMs)
      connection.waiter = {
        sentAt: performance.now(),
        resolve: answer => {
          clearTimeout(timer)
          resolve(answer)
        },
        reject: cause => {
          clearTimeout(timer)
          reject(cause)
        },
      }
      connection.socket.write(
        `POST ${path} ${this.#head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      )
    })
  }

  close(): void {
    for (const { socket } of this.#all) socket.destroy()
  }

  #open(): Connection {
    const socket = connect(this.#port, '127.0.0.1')
    socket.setNoDelay(true)
    const connection: Connection = { socket, pending: '', waiter: undefined }
    const gone = () => {
      this.#all.delete(connection)
      const at = this.#idle.indexOf(connection)
      if (at >= 0) this.#idle.splice(at, 1)
      connection.waiter?.reject(new Error('the connection was cut'))
    }
    socket.on('error', gone)
    socket.on('close', gone)
    socket.on('data', chunk => this.#read(connection, chunk.toString('latin1')))
    this.#all.add(connection)
    return connection
  }

  #read(connection: Connection, text: string): void {
    connection.pending += text
    const { pending, waiter } = connection
    const headEnd = pending.indexOf('\r\n\r\n')
    if (headEnd < 0 || !waiter) return
    const header = (name: string) =>
      new RegExp(`^${name}: (.*)$`, 'im').exec(pending.slice(0, headEnd))?.[1]?.trim()
    const body = pending.slice(headEnd + 4)
    if (body.length < Number(header('content-length'))) return
    connection.pending = ''
    connection.waiter = undefined
    if (/^close$/i.test(header('connection') ?? '')) connection.socket.end()
    else this.#idle.push(connection)
    const at = performance.now()
    waiter.resolve({
      at,
      status: Number(pending.slice(9, 12)),
      ms: at - waiter.sentAt,
      retryAfter: header('retry-after'),
      result: /"result":"(\w+)"/.exec(body)?.[1] ?? '',
      host: /"host":"([^"]+)"/.exec(body)?.[1],
    })
  }
}
