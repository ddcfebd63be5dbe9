// What clients do: too many of them, too slow, too big.

import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { capacity } from './copy-faults.js'
import { all, atMost, cached, claim, type Fault, p99, recovers } from './fault.js'
import { memoryOf } from './site.js'

let most = 0
let stormAt = 0

const storm: Fault = {
  id: 'T20',
  title: 'twenty times the usual logins come at once',
  figure: 'goodput ≥ 80 % of the most, well ≤ 10 s after',
  lastsMs: 8000,
  inject: async site => {
    most = await capacity(site)
    stormAt = performance.now()
    site.load.setRate(20 * site.rate)
  },
  heal: ({ load, rate }) => load.setRate(rate),
  expect: effect => {
    const storm = effect.during.filter(({ at }) => at >= stormAt)
    const seconds = ((storm.at(-1)?.at ?? 0) - stormAt) / 1000
    const good = storm.filter(({ verdict, ms }) => verdict === 'right' && ms < 2000).length / seconds
    return all(
      claim(
        `${Math.round(good)}/s right and in time, of ${Math.round(storm.length / seconds)}/s; at most ${Math.round(most)}/s`,
        good >= 0.8 * Math.min(most, storm.length / seconds),
      ),
      recovers(effect, 10_000),
    )
  },
}

const CROWD = fileURLToPath(new URL('./crowd.js', import.meta.url))

let crowd: ChildProcess | undefined

const slowloris: Fault = {
  id: 'T21',
  title: '3000 connections that say nothing, or a byte a second',
  figure: 'others’ p99 + ≤ 20 %',
  beforeMs: 10_000,
  times: 4,
  lastsMs: 10_000,
  inject: ({ topology: { balancer, copies } }) => {
    const ports = [balancer.port, ...copies.map(({ url }) => Number(new URL(url).port))]
    crowd = spawn(process.execPath, [CROWD, '3000', ...ports.map(String)], { stdio: 'inherit' })
  },
  heal: () => {
    crowd?.kill('SIGKILL')
  },
  expect: effect => {
    const later = effect.during.filter(({ at }) => at > (effect.during[0]?.at ?? 0) + 2000)
    return all(
      atMost('cached p99', p99(cached(later)), 1.2 * p99(cached(effect.before)), 'ms', 10),
      claim(
        'nobody is turned away',
        later.every(({ verdict }) => verdict === 'right'),
      ),
      recovers(effect, 2000),
    )
  },
}

const bodies: Fault = {
  id: 'T22',
  title: 'bodies of a gigabyte, without an end, and compressed',
  figure: 'refused or cut off, memory flat',
  lastsMs: 0,
  inject: () => {},
  during: async ({ topology }) => {
    const copy = topology.copies[0]
    if (!copy) throw new Error('no copy')
    const before = memoryOf(copy)
    const port = Number(new URL(copy.url).port)
    const head = (more: string) =>
      `POST /v1/passdb/verify HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${copy.token}\r\n` +
      `Content-Type: application/json\r\n${more}\r\n\r\n`
    const statuses: string[] = []
    for (let round = 0; round < 10; round++) {
      statuses.push(
        await answerTo(port, head('Content-Length: 1073741824'), 'x'.repeat(65_536)),
        await answerTo(port, head('Transfer-Encoding: chunked'), `10000\r\n${'x'.repeat(65_536)}\r\n`),
        await answerTo(
          port,
          head('Content-Encoding: gzip\r\nContent-Length: 65000'),
          '\x1f\x8b'.padEnd(65_000, 'x'),
        ),
      )
    }
    const said = [...new Set(statuses)].join(' ')
    return all(
      claim(
        `answers ${said}`,

        // Who goes on sending after the answer may be cut off before he has read it.
        statuses.every(status => ['413', '415', '400', 'none'].includes(status)),
      ),
      atMost('memory grew by', memoryOf(copy) - before, 20, 'MiB'),
    )
  },
  heal: () => {},
  expect: effect => recovers(effect, 2000),
}

/** The status, after as much of the body as the other side takes, a hundred megabytes at most. */
function answerTo(port: number, head: string, piece: string): Promise<string> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    let sent = 0
    const more = () => {
      while (sent < 100_000_000 && !socket.destroyed && socket.write(piece, 'latin1')) sent += piece.length
    }
    const timer = setTimeout(() => socket.destroy(), 10_000)
    socket.on('connect', () => {
      socket.write(head)
      more()
    })
    socket.on('drain', more)
    socket.on('error', () => {})
    socket.once('data', bytes => {
      resolve(bytes.toString('latin1', 9, 12))
      socket.destroy()
    })
    socket.on('close', () => {
      clearTimeout(timer)
      resolve('none')
    })
  })
}

export const clientFaults: readonly Fault[] = [storm, slowloris, bodies]
