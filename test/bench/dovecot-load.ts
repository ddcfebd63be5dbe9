// The same load for a real Dovecot: PLAIN logins over its auth-client socket, so many in flight.
// Its argument is a file with a DovecotLoad as JSON; prints a LoadResult.

import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { type LoadResult, record } from './load-result.js'

export interface DovecotLoad {
  readonly socket: string
  readonly users: readonly string[]
  readonly password: string
  readonly connections: number
  readonly perConnection: number
  readonly warmupMs: number
  readonly durationMs: number
}

/** Runs the load in this process (handshake: auth-client-interface.h, 2.3.19). */
export function runDovecotLoad(load: DovecotLoad): Promise<LoadResult> {
  const responses = load.users.map(user => Buffer.from(`\0${user}\0${load.password}`).toString('base64'))
  let next = 0

  return new Promise((resolve, reject) => {
    const sockets = Array.from({ length: load.connections }, (_, index) => openOne(index))
    const recorder = record(
      load,
      () => {
        for (const socket of sockets) socket.destroy()
      },
      resolve,
    )

    function openOne(index: number): Socket {
      const socket = connect(load.socket).setEncoding('latin1')
      const sentAt = new Map<string, number>()
      let id = 0
      let rest = ''
      const question = () => {
        const name = String(++id)
        sentAt.set(name, performance.now())
        const response = responses[next++ % responses.length]
        return `AUTH\t${name}\tPLAIN\tservice=imap\tsecured\tno-penalty\tresp=${response}\n`
      }
      socket.on('connect', () => socket.write(`VERSION\t1\t2\nCPID\t${process.pid * 100 + index}\n`))
      socket.on('error', error => (recorder.isOver() ? undefined : reject(error)))
      socket.on('close', () =>
        recorder.isOver() ? undefined : reject(new Error('Dovecot closed a connection')),
      )
      socket.on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        let questions = ''
        for (const line of lines) {
          const [word = '', name = ''] = line.split('\t')
          if (word === 'DONE') {
            for (let i = 0; i < load.perConnection; i++) questions += question()
          } else if (word === 'OK' || word === 'FAIL') {
            recorder.answered(word, sentAt.get(name) ?? 0)
            sentAt.delete(name)
            questions += question()
          }
        }
        if (questions !== '' && !recorder.isOver()) socket.write(questions)
      })
      return socket
    }
  })
}

if (process.argv[1] === import.meta.filename) {
  const [, , file = ''] = process.argv
  console.log(JSON.stringify(await runDovecotLoad(JSON.parse(readFileSync(file, 'utf8')))))
}
