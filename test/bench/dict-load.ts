// A load generator in a process of its own: so many dict lookups in flight over kept connections, for so long.
// Its argument is a file with a DictLoad as JSON; prints a LoadResult.

import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { type LoadResult, record } from './load-result.js'

export interface DictLoad {
  readonly socket: string
  /** Sent in turn, each with its LF. */
  readonly questions: readonly string[]
  readonly connections: number
  /** Questions in flight on each. */
  readonly perConnection: number
  /** As Dovecot 2.3.17 and later greet: every answer has an id and times. */
  readonly withIds: boolean
  readonly warmupMs: number
  readonly durationMs: number
}

const PLUS = '+'.charCodeAt(0)
const STAR = '*'.charCodeAt(0)
const LF = '\n'.charCodeAt(0)

/** Runs the load in this process. */
export function runDictLoad(load: DictLoad): Promise<LoadResult> {
  const questions = load.questions.map(question => Buffer.from(question))
  let next = 0
  return new Promise((resolve, reject) => {
    const sockets = Array.from({ length: load.connections }, openOne)
    const recorder = record(
      load,
      () => {
        for (const socket of sockets) socket.destroy()
      },
      resolve,
    )

    function openOne(): Socket {
      const socket = connect(load.socket)
      const sentAt: number[] = []
      let isLineStart = true
      let kind = 0
      const send = (count: number) => {
        const now = performance.now()
        const batch: Buffer[] = []
        for (let at = 0; at < count; at++) {
          batch.push(questions[next++ % questions.length] ?? Buffer.alloc(0))
          sentAt.push(now)
        }
        socket.write(Buffer.concat(batch))
      }
      socket.on('connect', () => {
        socket.write(load.withIds ? 'H3\t2\t0\t\tbench\n' : 'H3\t0\t0\t\tbench\n')
        send(load.perConnection)
      })
      socket.on('error', error => (recorder.isOver() ? undefined : reject(error)))
      socket.on('close', () =>
        recorder.isOver() ? undefined : reject(new Error('the server closed a connection')),
      )
      socket.on('data', bytes => {
        let answered = 0
        for (let at = 0; at < bytes.length; ) {
          if (isLineStart) kind = bytes[at] ?? 0
          const end = bytes.indexOf(LF, at)
          isLineStart = end >= 0
          if (end < 0) break
          if (kind !== STAR) {
            // Behind an id the word stands after the TAB; all of them are found here, or the figure is worth nothing.
            const word = kind === PLUS ? 'answer' : String.fromCharCode(kind)
            recorder.answered(word, sentAt.shift() ?? 0)
            answered++
          }
          at = end + 1
        }
        if (answered > 0 && !recorder.isOver()) send(answered)
      })
      return socket
    }
  })
}

if (process.argv[1] === import.meta.filename) {
  const [, , file = ''] = process.argv
  console.log(JSON.stringify(await runDictLoad(JSON.parse(readFileSync(file, 'utf8')))))
}
