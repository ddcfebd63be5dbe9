// What can be reached at all: the least that answers Dovecot's logins from the same database with Node and mysql2. There is
// no chain, no password, no cache, no deadline, no log, and no check of who asks: it is for comparison only.
//
// Its argument is a folder for its unix socket, BARE_DATABASE_URL the database. Prints the port of its HTTP listener.

import { chmodSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import mysql from 'mysql2'

interface Row {
  readonly username: string
  readonly host: string
  readonly port: number
  readonly destuser: string
}
type Answer = (row: Row) => void

const find = createFinder(process.env.BARE_DATABASE_URL ?? '')
const [, , folder = ''] = process.argv
const path = join(folder, 'dict.sock')
createServer(serveDict).listen(path, () => chmodSync(path, 0o666))
const http = createServer({ noDelay: true }, serveHttp).listen(0, '127.0.0.1', () => {
  console.log((http.address() as AddressInfo).port)
})

/** One query at a time for all that wait, as Homing has it. */
function createFinder(url: string): (username: string, answer: Answer) => void {
  const connection = mysql.createConnection({ uri: url, charset: 'utf8mb4' })
  let waiting = new Map<string, Answer[]>()
  let isBusy = false
  const send = () => {
    const asked = waiting
    waiting = new Map()
    const names = [...asked.keys()]
    // A statement for each power of two.
    while (names.length & (names.length - 1)) names.push(names[0] as string)
    const places = names.map(() => '?').join()
    const query = `select username, password, active, host, port, ssl_mode, destuser from proxy_users where username in (${places})`
    connection.execute(query, names, (error, rows) => {
      if (error) throw error
      for (const row of rows as Row[]) for (const answer of asked.get(row.username) ?? []) answer(row)
      isBusy = waiting.size > 0
      if (isBusy) setImmediate(send)
    })
  }
  return (username, answer) => {
    const others = waiting.get(username)
    if (others) others.push(answer)
    else waiting.set(username, [answer])
    if (!isBusy) setImmediate(send)
    isBusy = true
  }
}

/** `passdb dict`: the user comes last in the key, or before the password (deploy/dovecot-2.3/dict*.conf.ext). */
function serveDict(socket: Socket): void {
  let rest = ''
  let questions = 0
  socket.on('error', () => socket.destroy())
  socket.on('data', bytes => {
    const lines = (rest + bytes.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const username = /^L.*?\/user=([^/\t]*)/.exec(line)?.[1]
      if (username === undefined) continue
      const id = ++questions
      find(username, ({ host, port, destuser }) => {
        const value = `{"nopassword":"y","proxy":"y","host":"${host}","port":"${port}","starttls":"y","nodelay":"y","destuser":"${destuser}","proxy_nopipelining":"y"}`
        socket.write(`*${id}\n+${id}\tO${value}\t0\t0\t0\t0\n`, 'latin1')
      })
    }
  })
}

/** auth.lua's question, and the password grant. */
function serveHttp(socket: Socket): void {
  let request = ''
  socket.on('error', () => socket.destroy())
  socket.on('data', bytes => {
    request += bytes.toString('latin1')
    const head = request.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = Number(/content-length: *(\d+)/i.exec(request)?.[1] ?? 0)
    const body = request.slice(head + 4)
    if (body.length < length) return
    request = ''
    const isGrant = body.startsWith('grant_type=') || body.includes('&grant_type=')
    const username = isGrant
      ? decodeURIComponent(/(?:^|&)username=([^&]*)/.exec(body)?.[1] ?? '')
      : (/"user":"([^"]*)"/.exec(body)?.[1] ?? '')
    find(username, row => socket.write(isGrant ? grant(row) : lines(row), 'latin1'))
  })
}

function fieldsOf({ host, port, destuser }: Row): string[] {
  return [
    ...['proxy=y', `host=${host}`, `port=${port}`, 'starttls=y', 'nodelay=y', `destuser=${destuser}`],
    'proxy_nopipelining=y',
  ]
}

function lines(row: Row): string {
  const line = ['result=ok', `user=${row.username}`, ...fieldsOf(row)].join('\t')
  return ok('text/x-dovecot-fields', `${line}\n`)
}

function grant(row: Row): string {
  const passdb = fieldsOf(row).join('\\t')
  return ok(
    'application/json',
    `{"access_token":"-","token_type":"Bearer","active":true,"user":"${row.username}","passdb":"${passdb}"}`,
  )
}

function ok(type: string, body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
