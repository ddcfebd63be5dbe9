// An IMAP server that accepts everybody and remembers what it was told; its certificate is the test's to choose.

import { readFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Certificate } from './certificates.js'

export interface FakeBackend {
  readonly port: number
  /** Every line that clients sent, in clear or inside TLS. */
  readonly heard: string[]
  /** How many clients came. */
  readonly connections: number
  stop(): Promise<void>
}

export async function startFakeBackend(
  mode: 'starttls' | 'ssl',
  certificate: Certificate,
): Promise<FakeBackend> {
  const secureContext = {
    isServer: true,
    cert: await readFile(certificate.certFile),
    key: await readFile(certificate.keyFile),
  }
  const heard: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0

  const server = createServer(socket => {
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    if (mode === 'ssl') encrypt(socket)
    else talk(socket, true)
  })

  function encrypt(socket: Socket): void {
    const secure = new TLSSocket(socket, secureContext)
    secure.on('error', () => socket.destroy())
    talk(secure, mode === 'ssl')
  }

  function talk(socket: Socket, greets: boolean): void {
    const capabilities =
      mode === 'starttls' ? 'IMAP4rev1 STARTTLS SASL-IR AUTH=PLAIN' : 'IMAP4rev1 SASL-IR AUTH=PLAIN'
    if (greets) socket.write(`* OK [CAPABILITY ${capabilities}] here\r\n`)
    socket.on('data', bytes => {
      for (const line of bytes.toString('latin1').split('\r\n').filter(Boolean)) {
        heard.push(line)
        const [tag, command = ''] = line.split(' ')
        socket.write(`${tag} OK done\r\n`)
        if (command.toUpperCase() !== 'STARTTLS') continue
        socket.removeAllListeners('data')
        encrypt(socket)
      }
    })
  }

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    get connections() {
      return connections
    },
    async stop() {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
