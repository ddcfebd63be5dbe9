// A client of a line protocol over TCP or TLS, in clear sight of what was said.

import { readFile } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { checkServerIdentity, connect as connectTls } from 'node:tls'

export interface ConnectOptions {
  readonly port: number
  /** TLS from the first byte, verified against this authority. */
  readonly caFile?: string
  /** Where the client comes from, any loopback address: not from the server itself, which Dovecot would trust. */
  readonly from?: string
  /** What the client says is the server's name (SNI), whatever the certificate has. */
  readonly serverName?: string
}

/** More than the thirty seconds for which Dovecot tries a backend. */
const PATIENCE_MS = 45_000

export class LineClient {
  readonly #socket: Socket
  #buffered = ''
  #ended: Error | undefined
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('nothing was said for too long')))
    socket.on('data', bytes => this.#arrived(bytes.toString('latin1')))
    socket.on('error', error => this.#end(error))
    socket.on('close', () => this.#end(new Error('the connection was closed')))
  }

  static async connect({
    port,
    caFile,
    from = '127.0.0.2',
    serverName: servername = 'localhost',
  }: ConnectOptions): Promise<LineClient> {
    const ca = caFile && (await readFile(caFile))
    return new Promise((resolve, reject) => {
      const connected = () => {
        socket.off('error', reject)
        resolve(new LineClient(socket))
      }
      const plain = connectTcp({ host: '127.0.0.1', port, localAddress: from }, ca ? undefined : connected)
      plain.once('error', reject)
      const socket: Socket = ca
        ? connectTls(
            {
              socket: plain,
              ca,
              servername,
              checkServerIdentity: (_, certificate) => checkServerIdentity('localhost', certificate),
            },
            connected,
          )
        : plain
      socket.once('error', reject)
    })
  }

  /** The next line without its end. Throws when the connection ended before it. */
  async readLine(): Promise<string> {
    for (;;) {
      const end = this.#buffered.indexOf('\n')
      if (end >= 0) {
        const line = this.#buffered.slice(0, end).replace(/\r$/, '')
        this.#buffered = this.#buffered.slice(end + 1)
        return line
      }
      if (this.#ended) throw this.#ended
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Lines up to and with the first that matches. */
  async readUntil(last: RegExp): Promise<string[]> {
    const lines: string[] = []
    for (;;) {
      const line = await this.readLine()
      lines.push(line)
      if (last.test(line)) return lines
    }
  }

  /** Text goes out byte for byte, one character a byte. */
  write(line: string): void {
    this.#socket.write(`${line}\r\n`, 'latin1')
  }

  close(): void {
    this.#socket.destroy()
  }

  #arrived(text: string): void {
    this.#buffered += text
    this.#wake?.()
  }

  #end(error: Error): void {
    this.#ended ??= error
    this.#wake?.()
  }
}
