// What Dovecot may expect of a balancer before three copies, whichever balancer it is.

import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type BalancerName, checkBalancerFile, type RunningBalancer, startBalancer } from './balancers.js'
import { needs } from './parts.js'
import { type Answer, type ScriptedService, startScriptedService } from './scripted-service.js'

export interface BalancerTraits {
  /** Asks /readyz, and so knows of a copy's trouble before a question meets it. */
  readonly asksReadyz: boolean
  /** So many callers at once are many to it. */
  readonly manyCallers: number
}

/** What Dovecot waits for one answer. */
const DOVECOT_PATIENCE_MS = 2000

const fine: Answer = (_question, response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end('{"result":"ok"}')
}
const trouble: Answer = (_question, response) => {
  response.writeHead(503, { 'content-type': 'application/json' })
  response.end('{"result":"internal_failure"}')
}
const hang: Answer = () => {}
const cut: Answer = (_question, _response, socket) => socket.destroy()

class Copy {
  readonly service: ScriptedService
  /** What it says on /readyz. */
  readiness: [status: number, word: string] = [200, 'ready']
  answer: Answer = fine
  isHung = false

  constructor(service: ScriptedService) {
    this.service = service
    service.answer = (question, response, socket) => {
      if (this.isHung) return
      if (question.path !== '/readyz') return this.answer(question, response, socket)
      response.writeHead(this.readiness[0], { 'content-type': 'application/json' })
      response.end(JSON.stringify({ status: this.readiness[1] }))
    }
  }

  get logins(): number {
    return this.service.questions.filter(({ path }) => path !== '/readyz').length
  }

  get port(): number {
    return Number(new URL(this.service.url).port)
  }
}

interface Asked {
  readonly status: number
  readonly body: string
  readonly ms: number
}

async function ask(balancer: RunningBalancer, path = '/v1/passdb/verify', body = '{}'): Promise<Asked> {
  const start = performance.now()
  const response = await fetch(`${balancer.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  return { status: response.status, body: await response.text(), ms: performance.now() - start }
}

/** The path goes out as it stands; fetch would tidy it up. */
function statusOf({ port }: RunningBalancer, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method: 'POST' }, response => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('error', reject)
    asked.end()
  })
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
  })
}

async function askMany(balancer: RunningBalancer, count: number): Promise<Asked[]> {
  const all: Asked[] = []
  for (let at = 0; at < count; at += 10) {
    all.push(...(await Promise.all(Array.from({ length: 10 }, () => ask(balancer)))))
  }
  return all
}

/** The balancer has looked at the copies by then. */
const NOTICED_MS = 1600

/** A copy that is back is asked by then, also on a machine with much to do. */
const BACK_WITHIN_MS = 15_000

export function balancerSuite(name: BalancerName, traits: BalancerTraits): void {
  const site = async (t: Test, callers?: readonly string[]) => {
    const copies: Copy[] = []
    for (let at = 0; at < 3; at++) {
      const service = await startScriptedService(fine)
      t.teardown(() => service.stop())
      copies.push(new Copy(service))
    }
    const ports = copies.map(({ port }) => port)
    const balancer = await startBalancer(name, { copies: ports, ...(callers && { callers }) })
    t.teardown(() => balancer.stop())
    await sleep(traits.asksReadyz ? 700 : 50)
    return { copies: copies as [Copy, Copy, Copy], balancer }
  }
  const everyOne = (t: Test, answers: readonly Asked[], withinMs = DOVECOT_PATIENCE_MS) => {
    const bad = answers.filter(({ status, ms }) => status !== 200 || ms > withinMs)
    t.same(bad, [], 'all answered, in time')
  }

  t.test(name, async t => {
    if (!needs(t, name)) return

    t.test('it takes the file without a warning', async t => {
      const { good, said } = await checkBalancerFile(name)
      t.ok(good, said)
      t.notMatch(said, /warn/i)
    })

    t.test('questions go to all copies', async t => {
      const { copies, balancer } = await site(t)
      everyOne(t, await askMany(balancer, 60))
      for (const copy of copies) t.ok(copy.logins >= 10, `${copy.logins} of 60`)
    })

    t.test('a copy that is killed costs nobody an answer, and is asked again when it is back', async t => {
      const { copies, balancer } = await site(t)
      const [first] = copies
      const load = askMany(balancer, 300)
      await first.service.stop()
      everyOne(t, await load)
      everyOne(t, await askMany(balancer, 30))
      await first.service.start()
      const before = first.logins
      const deadline = performance.now() + BACK_WITHIN_MS
      while (first.logins === before && performance.now() < deadline) {
        await sleep(500)
        everyOne(t, await askMany(balancer, 60))
      }
      t.ok(first.logins > before, 'asked again')
    })

    t.test('connections to the copies are kept, however many callers are connected', async t => {
      const { copies, balancer } = await site(t)
      const connections = new Set<Socket>()
      for (const copy of copies) {
        copy.answer = (question, response, socket) => {
          connections.add(socket)
          fine(question, response, socket)
        }
      }
      const callers = await Promise.all(
        Array.from({ length: traits.manyCallers }, () => connected(balancer.port)),
      )
      t.teardown(() => callers.forEach(caller => void caller.destroy()))
      everyOne(t, await askMany(balancer, 300))
      t.ok(connections.size <= 60, `${connections.size} connections for 300 questions, ten at a time`)
    })

    t.test('a copy that closes without an answer costs nobody an answer', async t => {
      const { copies, balancer } = await site(t)
      copies[0].answer = cut
      everyOne(t, await askMany(balancer, 60))
    })

    t.test('a copy that hangs costs few an answer, and soon nobody any time', async t => {
      const { copies, balancer } = await site(t)
      copies[0].isHung = true
      const answers = await askMany(balancer, 100)
      const failed = answers.filter(({ status }) => status !== 200)
      t.ok(failed.length <= 12, `${failed.length} of 100 failed`)
      everyOne(t, await askMany(balancer, 60), 500)
    })

    t.test('a copy that fails by itself costs few an answer', async t => {
      const { copies, balancer } = await site(t)
      copies[0].answer = trouble
      if (traits.asksReadyz) copies[0].readiness = [200, 'degraded']
      const answers = await askMany(balancer, 100)
      const failed = answers.filter(({ status }) => status !== 200)
      t.ok(failed.length <= (traits.asksReadyz ? 12 : 0), `${failed.length} of 100 failed`)
      everyOne(t, await askMany(balancer, 60), 500)
    })

    t.test('a slow failure is not made slower by asking again', async t => {
      const { copies, balancer } = await site(t)
      for (const copy of copies) {
        copy.answer = (question, response, socket) =>
          void setTimeout(() => trouble(question, response, socket), 1000)
      }
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(balancer)))
      for (const { status, ms } of answers)
        t.ok(status === 503 && ms < 1500, `${status} in ${Math.round(ms)} ms`)
      t.equal(
        copies.reduce((sum, { logins }) => sum + logins, 0),
        10,
      )
    })

    t.test('a failure of all copies reaches Dovecot as they said it', async t => {
      const { copies, balancer } = await site(t)
      for (const copy of copies) copy.answer = trouble
      const answers = await askMany(balancer, 30)
      t.same(new Set(answers.map(({ status }) => status)), new Set([503]))
      t.same(new Set(answers.map(({ body }) => body)), new Set(['{"result":"internal_failure"}']))
      // Whom they know they still let in: nobody is locked out for the failures of others.
      for (const copy of copies) copy.answer = fine
      everyOne(t, await askMany(balancer, 30))
    })

    t.test('a hang of all copies is over before Dovecot gives up', async t => {
      const { copies, balancer } = await site(t)
      for (const copy of copies) copy.answer = hang
      const { status, ms } = await ask(balancer)
      t.ok(status >= 502 && status <= 504, String(status))
      t.ok(ms < DOVECOT_PATIENCE_MS, `${Math.round(ms)} ms`)
    })

    t.test('a question of 60 KiB arrives whole', async t => {
      const { copies, balancer } = await site(t)
      const body = JSON.stringify({ user: 'anna', password: 'x'.repeat(60_000) })
      t.equal((await ask(balancer, '/v1/passdb/verify', body)).status, 200)
      t.ok(copies.some(copy => copy.service.questions.some(question => question.body === body)))
    })

    t.test('a list is passed on as it comes, however long it takes', async t => {
      const { copies, balancer } = await site(t)
      for (const copy of copies) {
        copy.answer = (_question, response) => {
          response.writeHead(200, { 'content-type': 'text/plain' })
          response.write('anna\n')
          setTimeout(() => response.end('bob\n\n'), 2500)
        }
      }
      const response = await fetch(`${balancer.url}/v1/userdb/users`)
      const first = performance.now()
      const reader = response.body?.getReader()
      t.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), 'anna\n')
      t.ok(performance.now() - first < 1000, 'the first name at once')
      t.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), 'bob\n\n')
    })

    t.test('strangers are refused, and nobody reaches what is not for Dovecot', async t => {
      const { copies, balancer } = await site(t)
      const closed = ['/metrics', '/v1/admin/users', '/readyz', '/', '/v1/passdb/../admin/users']
      for (const path of [...closed, '/v1/passdb/%2e%2e/admin/users']) {
        t.equal(await statusOf(balancer, path), 404, path)
      }
      const strange = await site(t, ['192.0.2.1/32'])
      t.equal((await ask(strange.balancer)).status, 403)
      t.equal(
        [...copies, ...strange.copies].reduce((sum, copy) => sum + copy.logins, 0),
        0,
      )
    })

    if (traits.asksReadyz) readyzTests(t, site, everyOne)
  })
}

type Site = (t: Test) => Promise<{ copies: [Copy, Copy, Copy]; balancer: RunningBalancer }>

function readyzTests(t: Test, site: Site, everyOne: (t: Test, answers: readonly Asked[]) => void): void {
  t.test('a copy that is about to stop gets no new question', async t => {
    const { copies, balancer } = await site(t)
    copies[0].readiness = [503, 'stopping']
    await sleep(NOTICED_MS)
    const before = copies[0].logins
    everyOne(t, await askMany(balancer, 60))
    t.equal(copies[0].logins, before)
  })

  t.test('a copy that alone has lost its database is left alone; when all have, all are asked', async t => {
    const { copies, balancer } = await site(t)
    copies[0].readiness = [200, 'degraded']
    await sleep(NOTICED_MS)
    const before = copies[0].logins
    everyOne(t, await askMany(balancer, 60))
    t.equal(copies[0].logins, before)
    for (const copy of copies) copy.readiness = [200, 'degraded']
    await sleep(NOTICED_MS)
    everyOne(t, await askMany(balancer, 60))
    for (const copy of copies) t.ok(copy.logins > before)
  })
}
