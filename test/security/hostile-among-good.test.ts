// One connection that does all the wrong things, again and again, among 1,000 good connections to the same listener.

import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { startHoming } from '../system/homing.js'

const CONNECTIONS = 1000
const ROUNDS = 4
/** Asked at the same moment: what is measured is the service, not a queue of this process. */
const AT_ONCE = 20

const nonsense = [
  'GARBAGE\r\n\r\n',
  'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic !!!=\r\nContent-Length: 3\r\n\r\n%zz',
  'POST /v1/passdb/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  `POST /v1/passdb/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n${'['.repeat(60_000)}`,
  `GET /${'%00'.repeat(2000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(3000)}\r\n`,
  'POST /v1/passdb/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 2147483648\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
]

t.test('nobody notices one hostile connection among 1,000 good connections', { timeout: 60_000 }, async t => {
  const homing = await startHoming()
  t.teardown(() => homing.close())
  await homing.addAccounts({
    localUsers: [{ username: 'anna', password: '{PLAIN}right', home: '/m', uid: 5000, gid: 5000 }],
  })
  const { port } = new URL(homing.url)
  const agent = new Agent({
    keepAlive: true,
    maxSockets: CONNECTIONS,
    maxFreeSockets: CONNECTIONS,
    scheduling: 'fifo',
  })
  t.teardown(() => agent.destroy())
  const good = () => ask(Number(port), homing.token, agent)
  await Promise.all(Array.from({ length: CONNECTIONS }, good))

  const alone = await p99(good)
  const hostile = attack(Number(port))
  const beside = await p99(good)
  const tries = hostile.stop()
  t.comment(`p99 alone ${alone.toFixed(1)} ms, beside ${tries} hostile requests ${beside.toFixed(1)} ms`)
  t.ok(tries > 20, `${tries} hostile requests`)
  t.ok(beside < alone * 2 + 25, `p99 ${beside.toFixed(1)} ms, alone ${alone.toFixed(1)} ms`)
  t.notMatch(await homing.log(), /"msg":"bug/)
})

/** Of answers that are all `ok`; throws at the first that is not. */
async function p99(good: () => Promise<number>): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < CONNECTIONS * ROUNDS; n += AT_ONCE) {
    times.push(...(await Promise.all(Array.from({ length: AT_ONCE }, good))))
  }
  times.sort((a, b) => a - b)
  return times[Math.floor(times.length * 0.99)] ?? 0
}

function ask(port: number, token: string, agent: Agent): Promise<number> {
  const body = JSON.stringify({ user: 'anna', password: 'right' })
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': body.length,
  }
  const before = performance.now()
  return new Promise((resolve, reject) => {
    const asked = request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/v1/passdb/verify',
      headers,
      agent,
    })
    asked.on('error', reject)
    asked.on('response', response => {
      let text = ''
      response.on('data', part => {
        text += part
      })
      response.on('end', () => {
        if (text.includes('"result":"ok"')) resolve(performance.now() - before)
        else reject(new Error(text))
      })
    })
    asked.end(body)
  })
}

/** One connection at a time, each with the next nonsense, as fast as they are ended. */
function attack(port: number): { stop(): number } {
  let tries = 0
  let isOver = false
  const next = () => {
    if (isOver) return
    const socket = connect(port, '127.0.0.1', () => socket.write(nonsense[tries++ % nonsense.length] ?? ''))
    socket.setTimeout(20, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.on('close', () => setImmediate(next))
  }
  next()
  return {
    stop: () => {
      isOver = true
      return tries
    },
  }
}
