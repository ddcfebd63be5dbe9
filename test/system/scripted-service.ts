// Stands where Homing stands and says what a test wants said, also what Homing never would.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface Question {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** The body byte for byte, one character a byte. */
  readonly body: string
  /** The body as JSON; undefined when it is none. */
  readonly json: Record<string, unknown> | undefined
}

export type Answer = (question: Question, response: ServerResponse, socket: Socket) => void

export interface ScriptedService {
  readonly url: string
  /** What was asked so far. */
  readonly questions: Question[]
  /** How it answers from now on. */
  answer: Answer
  /** Stops listening and cuts all connections, as a service that was killed. */
  stop(): Promise<void>
  /** Listens again on the same port. */
  start(): Promise<void>
}

export async function startScriptedService(answer: Answer): Promise<ScriptedService> {
  const questions: Question[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const question = toQuestion(request, Buffer.concat(chunks))
      questions.push(question)
      service.answer(question, response, request.socket)
    })
  })
  server.keepAliveTimeout = 65_000
  let port = 0
  const service: ScriptedService = {
    get url() {
      return `http://127.0.0.1:${port}`
    },
    questions,
    answer,
    async stop() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
    async start() {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, '127.0.0.1', resolve)
      })
      port = (server.address() as AddressInfo).port
    },
  }
  await service.start()
  return service
}

/** A reply line as Homing writes it. */
export function reply(status: number, ...fields: string[]): Answer {
  return (_question, response) => {
    const line = `${fields.join('\t')}\n`
    response.writeHead(status, {
      'content-type': 'text/x-dovecot-fields',
      'content-length': Buffer.byteLength(line),
    })
    response.end(line)
  }
}

/** Any body with status 200. */
export function body(text: string): Answer {
  return (_question, response) => {
    response.writeHead(200, { 'content-type': 'text/x-dovecot-fields', 'content-length': text.length })
    response.end(Buffer.from(text, 'latin1'))
  }
}

function toQuestion(request: IncomingMessage, bytes: Buffer): Question {
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    body: bytes.toString('latin1'),
    json: parsed(bytes),
  }
}

function parsed(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
