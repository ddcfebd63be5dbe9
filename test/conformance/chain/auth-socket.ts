// Asks a real Dovecot many questions at once, over its auth-client and auth-master protocols.

import { createHmac } from 'node:crypto'
import net from 'node:net'

/** One reply line: `OK`, `FAIL`, `PASS`, `NOTFOUND`, …, and its fields; a field without value is "". */
export interface Reply {
  readonly word: string
  readonly fields: ReadonlyMap<string, string>
}

export interface Login {
  readonly user: string
  readonly password?: string
}

interface Protocol {
  readonly hello: string
  /** The line that says the server is ready. */
  readonly ready: string
  question(id: number, login: Login): string
  /** The next line to send when the server wants more. */
  challenged?(id: number, login: Login, challenge: string): string
}

const authClient: Protocol = {
  hello: `VERSION\t1\t2\nCPID\t${process.pid}\n`,
  ready: 'DONE',
  question: (id, { user, password = 'secret' }) => {
    const response = Buffer.from(`\0${user}\0${password}`).toString('base64')
    return `AUTH\t${id}\tPLAIN\tservice=imap\tsecured\tno-penalty\tresp=${response}\n`
  },
}

/** For this mechanism Dovecot looks the password up, and compares by itself. */
const cramMd5: Protocol = {
  ...authClient,
  question: id => `AUTH\t${id}\tCRAM-MD5\tservice=imap\tsecured\tno-penalty\n`,
  challenged: (id, { user, password = 'secret' }, challenge) => {
    const proof = createHmac('md5', password).update(Buffer.from(challenge, 'base64')).digest('hex')
    return `CONT\t${id}\t${Buffer.from(`${user} ${proof}`).toString('base64')}\n`
  },
}

const authMaster: Protocol = {
  hello: 'VERSION\t1\t0\n',
  ready: 'SPID',
  question: (id, { user }) => `PASS\t${id}\t${user}\tservice=imap\n`,
}

/** A PLAIN login for each, answers in the order of the questions. */
export function askLogins(socket: string, logins: readonly Login[]): Promise<Reply[]> {
  return ask(authClient, socket, logins)
}

/** A CRAM-MD5 login for each, answers in the order of the questions. */
export function askCramMd5(socket: string, logins: readonly Login[]): Promise<Reply[]> {
  return ask(cramMd5, socket, logins)
}

/** A passdb lookup for each, answers in the order of the questions. */
export function askLookups(socket: string, logins: readonly Login[]): Promise<Reply[]> {
  return ask(authMaster, socket, logins)
}

/**
 * Dovecot answers failures only twice a second: what counts is how many wait at once. Few of them on one connection,
 * for it forgets to read on from a connection that it stopped reading because 50 KiB of replies waited there.
 */
const CONNECTIONS = 32
const IN_FLIGHT = 400
const DEADLINE_MS = 60_000

async function ask(protocol: Protocol, path: string, logins: readonly Login[]): Promise<Reply[]> {
  const share = Math.ceil(logins.length / CONNECTIONS)
  const shares = Array.from({ length: CONNECTIONS }, (_, n) => logins.slice(n * share, (n + 1) * share))
  const replies = await Promise.all(
    shares.filter(({ length }) => length > 0).map(some => askOnOne(protocol, path, some)),
  )
  return replies.flat()
}

function askOnOne(protocol: Protocol, path: string, logins: readonly Login[]): Promise<Reply[]> {
  return new Promise((resolve, reject) => {
    const replies: Reply[] = new Array(logins.length)
    const socket = net.connect(path).setEncoding('latin1')
    let asked = 0
    let answered = 0
    let rest = ''
    let ready = false
    const finish = (error?: Error) => {
      clearTimeout(deadline)
      socket.destroy()
      const state = `${asked} asked, ${answered} answered of ${logins.length}`
      if (error) reject(new Error(`Dovecot's socket: ${error.message} (${state})`))
      else resolve(replies)
    }
    const deadline = setTimeout(() => finish(new Error('no answer')), DEADLINE_MS)
    const askMore = () => {
      let lines = ''
      while (asked < logins.length && asked - answered < IN_FLIGHT) {
        lines += protocol.question(asked + 1, logins[asked++] as Login)
      }
      if (lines) socket.write(lines)
    }
    const onLine = (line: string) => {
      if (!ready) {
        ready = line.split('\t')[0] === protocol.ready
        return
      }
      const { id, reply } = parseReply(line)
      if (reply.word === 'CONT' && protocol.challenged) {
        const [challenge = ''] = line.split('\t').slice(2)
        socket.write(protocol.challenged(id, logins[id - 1] as Login, challenge))
        return
      }
      replies[id - 1] = reply
      answered++
    }
    socket.on('connect', () => socket.write(protocol.hello))
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      lines.forEach(onLine)
      if (answered === logins.length) finish()
      else if (ready) askMore()
    })
    socket.on('error', finish)
    socket.on('close', () => finish(new Error('closed')))
  })
}

function parseReply(line: string): { id: number; reply: Reply } {
  const [word = '', id, ...fields] = line.split('\t')
  return {
    id: Number(id),
    reply: {
      word,
      fields: new Map(
        fields.map(field => {
          const equals = field.indexOf('=')
          return equals < 0 ? [field, ''] : [field.slice(0, equals), field.slice(equals + 1)]
        }),
      ),
    },
  }
}
