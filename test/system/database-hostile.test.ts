// What speaks nonsense where a database should be is an error in time, whatever it says.

import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { lower, openFor } from '../conformance/database/test-database.js'

const BUDGET_MS = 1500 + 400

/** A packet of the MySQL protocol: three bytes of length, one of sequence. */
function packet(sequence: number, ...parts: (string | number[])[]): Buffer {
  const body = Buffer.concat(parts.map(part => Buffer.from(part as string)))
  const header = Buffer.alloc(4)
  header.writeUIntLE(body.length, 0, 3)
  header[3] = sequence
  return Buffer.concat([header, body])
}

const salt = 'abcdefgh'
const capabilities = [0xff, 0xf7]
const upperCapabilities = [0xff, 0x81]
const greeting = packet(
  0,
  [10],
  '10.11.0-MariaDB\0',
  [1, 0, 0, 0],
  salt,
  [0],
  capabilities,
  [45, 2, 0],
  upperCapabilities,
  [21],
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  'ijklmnopqrst\0',
  'mysql_native_password\0',
)
const ok = (sequence: number) => packet(sequence, [0, 0, 0, 2, 0, 0, 0])

/** What a driver that builds its readers out of names would run, or write to. */
const oddNames = [
  'constructor',
  'c0',
  `x'];process.emitWarning('code ran');//`,
  `x\`;process.emitWarning('code ran');//`,
  `");process.emitWarning('code ran');//`,
]
const counted = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
const column = (sequence: number, name: string) =>
  packet(
    sequence,
    ...['def', '', name, name, name, name].map(text => [...counted(text)]),
    [0x0c, 45, 0, 255, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0],
  )
const eof = (sequence: number) => packet(sequence, [0xfe, 0, 0, 2, 0])
const rowOf = (names: readonly string[], begin: number[] = []) =>
  Buffer.concat([
    packet(1, [names.length]),
    ...names.map((name, at) => column(2 + at, name)),
    eof(2 + names.length),
    packet(3 + names.length, [...begin, ...Buffer.concat(names.map(() => counted('{"polluted":true}')))]),
    eof(4 + names.length),
  ])

/** To every question, prepared or not, one row with these columns. */
const alwaysRow = (names: readonly string[]) => (socket: Socket) =>
  afterLogin(socket, request => {
    const command = request[4]
    if (command === COM_STMT_PREPARE) socket.write(packet(1, [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    // A binary row begins with a zero and a bit for each column that is null.
    else if (command === COM_STMT_EXECUTE) socket.write(rowOf(names, [0, 0, 0]))
    else socket.write(rowOf(names))
  })
const COM_STMT_PREPARE = 0x16
const COM_STMT_EXECUTE = 0x17

const peers: Record<string, (socket: Socket) => void> = {
  'closes at once': socket => socket.destroy(),
  'says nothing': () => {},
  'speaks HTTP': socket => socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
  'sends random bytes': socket =>
    socket.write(Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 251))),
  'sends zeros': socket => socket.write(Buffer.alloc(4096)),
  'announces a huge packet': socket => socket.write(Buffer.from([0xff, 0xff, 0xff, 0, 10])),
  'sends an empty greeting': socket => socket.write(packet(0)),
  'is of another age': socket => socket.write(packet(0, [9], '3.20\0')),
  'refuses with an error': socket => socket.write(packet(0, [0xff, 0x10, 0x04], 'Too many connections')),
  'asks for the password in clear': socket => {
    socket.write(greeting)
    socket.once('data', () => socket.write(packet(2, [0xfe], 'mysql_clear_password\0')))
  },
  'asks for an unknown plugin': socket => {
    socket.write(greeting)
    socket.once('data', () => socket.write(packet(2, [0xfe], '__proto__\0')))
  },
  'answers the login with nonsense': socket => {
    socket.write(greeting)
    socket.once('data', () => socket.write(packet(2, [0x07], 'nonsense')))
  },
  'answers queries with nonsense': socket =>
    afterLogin(socket, () => socket.write(packet(1, [0x07, 0xff, 0xff, 0xff]))),
  'answers queries with an OK': socket => afterLogin(socket, () => socket.write(ok(1))),
  'asks for a local file': socket => afterLogin(socket, () => socket.write(packet(1, [0xfb], '/etc/passwd'))),
  'answers half a packet': socket => afterLogin(socket, () => socket.write(Buffer.from([50, 0, 0, 1, 0]))),
  'closes on the first query': socket => afterLogin(socket, () => socket.destroy()),
  'names its columns as code': alwaysRow(oddNames),
  'names a column as what objects inherit from': alwaysRow(['__proto__', 'c0', 'c1', 'c2', 'c3']),
  'promises a billion columns': socket =>
    afterLogin(socket, () => socket.write(packet(1, [0xfe, 0, 0, 0, 64, 0, 0, 0, 0]))),
}

function afterLogin(socket: Socket, answer: (request: Buffer) => void): void {
  socket.write(greeting)
  socket.once('data', () => {
    socket.write(ok(2))
    socket.on('data', answer)
  })
}

async function listen(
  t: Test,
  serve: (socket: Socket) => void,
): Promise<{ port: number; seen: () => string }> {
  const sockets = new Set<Socket>()
  let seen = ''
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', data => {
      seen += data.toString('latin1')
    })
    serve(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no address')
  return { port: address.port, seen: () => seen }
}

const warnings: string[] = []
process.on('warning', ({ message }) => warnings.push(message))

for (const [what, serve] of Object.entries(peers)) {
  t.test(`a server that ${what}`, async t => {
    const { port, seen } = await listen(t, serve)
    const database = openFor(t, `mysql://homing:the-password@127.0.0.1:${port}/mail`)
    const table = database.accountTable({ table: 'names', columns: { user: 'name' }, normalise: lower })
    const start = performance.now()
    const answers = await Promise.all(['anna', 'bob', 'eve'].map(name => table.find(name)))
    const ms = performance.now() - start
    t.same(
      answers.map(answer => answer.found),
      ['error', 'error', 'error'],
    )
    t.ok(ms < BUDGET_MS, `in ${ms} ms`)
    t.notMatch(seen(), /the-password|root:x:0/)
    t.equal(await database.ping(), what === 'names its columns as code')
    t.equal(({} as { polluted?: unknown }).polluted, undefined, 'objects are as they were')
    t.notOk(warnings.includes('code ran'))
    t.notMatch(answers[0]?.found === 'error' && answers[0].cause.message, /anna|the-password/)
  })
}
