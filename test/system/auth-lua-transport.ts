// How questions and answers of auth.lua travel: answers that are none, answers in pieces, a service that is not there.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { type DovecotOptions, type RunningDovecot, startDovecot } from './dovecot.js'
import { imapAnswer } from './mail-clients.js'
import { type Answer, body, type Question, reply, type ScriptedService } from './scripted-service.js'

const TEMPORARY = /^NO \[UNAVAILABLE\] Temporary authentication failure/
export const REFUSED = 'NO [AUTHENTICATIONFAILED] Authentication failed.'

/** One Dovecot that asks one service. */
export interface Run {
  readonly dovecot: RunningDovecot
  readonly service: ScriptedService
  readonly imaps: { readonly port: number; readonly caFile: string }
  login(user: string, password?: string): Promise<string>
  questionsOf(user: string): Question[]
  flush(): Promise<unknown>
}

export async function unsound(
  t: Test,
  { dovecot, service, login, questionsOf }: Run,
  bad: Readonly<Record<string, Answer>>,
): Promise<void> {
  service.answer = (question, response, socket) => {
    const user = String(question.json?.user)
    const answer = Object.hasOwn(bad, user) ? bad[user] : undefined
    answer?.(question, response, socket)
  }
  const started = performance.now()
  const mark = await dovecot.logMark()
  const answers = await Promise.all(Object.keys(bad).map(async name => [name, await login(name)] as const))
  for (const [name, answer] of answers) {
    t.match(answer, TEMPORARY, name)
    t.ok(questionsOf(name).length > 0, `${name}: the service was asked`)
  }
  t.ok(performance.now() - started < 20_000, 'nobody waits for long')
  const logged = (await dovecot.log()).slice(mark)
  t.notMatch(logged, /Login: user|Logged in: user/, 'nobody logged in here')
  t.notMatch(logged, /killed with signal|Panic/, 'and nothing crashed')

  service.answer = reply(200, 'result=password_mismatch', 'user=x')
  const after = await Promise.all(Array.from({ length: 16 }, () => login('after-all-that')))
  for (const answer of after) t.equal(answer, REFUSED, 'no worker was lost')
}

export async function pieces(t: Test, { service, login, questionsOf }: Run): Promise<void> {
  const line = 'result=pass_expired\tuser=x\n'
  const answers: Readonly<Record<string, Answer>> = {
    'in chunks': (_question, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' })
      response.write(line.slice(0, 9))
      setTimeout(() => response.end(line.slice(9)), 50)
    },
    'byte by byte': async (_question, _response, socket) => {
      for (const byte of `HTTP/1.1 200 OK\r\nContent-Length: ${line.length}\r\n\r\n${line}`) {
        socket.write(byte)
        await sleep(1)
      }
      socket.end()
    },
    'after an interim one': (_question, _response, socket) =>
      socket.end(
        `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: ${line.length}\r\n\r\n${line}`,
      ),
    'on a connection that is closed then': (_question, response) => {
      response.writeHead(200, { connection: 'close', 'content-length': line.length })
      response.end(line)
    },
  }
  for (const [name, answer] of Object.entries(answers)) {
    service.answer = answer
    const user = `${name.replaceAll(' ', '-')}@example.org`
    t.match(await login(user), /^NO \[EXPIRED\]/, name)
    t.equal(questionsOf(user).length, 1, `${name}: asked once`)
  }
}

export async function outage(t: Test, { service, login }: Run): Promise<void> {
  service.answer = reply(200, 'result=password_mismatch', 'user=x')
  t.equal(await login('outage@example.org'), REFUSED)
  await service.stop()
  const during = await Promise.all(Array.from({ length: 12 }, () => login('outage@example.org')))
  for (const answer of during) t.match(answer, TEMPORARY)
  await service.start()
  await sleep(600)
  const back = performance.now()
  const after = await Promise.all(Array.from({ length: 12 }, () => login('outage@example.org')))
  for (const answer of after) t.equal(answer, REFUSED)
  t.ok(performance.now() - back < 5000, 'and it answers at once')
}

export async function fileIsMissing(
  t: Test,
  service: ScriptedService,
  options: DovecotOptions,
): Promise<void> {
  const dovecot = await startDovecot({ ...options, without: ['homing-socket.lua'] })
  t.teardown(() => dovecot.stop())
  service.answer = reply(200, 'result=password_mismatch', 'user=x')
  const imaps = { port: dovecot.ports.imaps, caFile: options.caFile }
  t.equal(await imapAnswer(imaps, { user: 'missing@example.org', password: 'p' }), REFUSED)
  await dovecot.waitForLog(
    /asks by Dovecot's own HTTP client, though LuaSocket is installed: .*homing-socket\.lua/,
  )
}

export async function slashAtTheEnd(
  t: Test,
  service: ScriptedService,
  options: DovecotOptions,
): Promise<void> {
  const dovecot = await startDovecot({
    ...options,
    service: { ...options.service, url: `${service.url}/` },
  })
  t.teardown(() => dovecot.stop())
  const mark = service.questions.length
  service.answer = reply(200, 'result=password_mismatch', 'user=x')
  const imaps = { port: dovecot.ports.imaps, caFile: options.caFile }
  t.equal(await imapAnswer(imaps, { user: 'slash@example.org', password: 'p' }), REFUSED)
  service.answer = body('anna@example.org\n\n')
  t.match(await dovecot.doveadm('user', '*'), { code: 0, stdout: 'anna@example.org\n' })
  const paths = service.questions.slice(mark).map(({ path }) => path)
  t.same(paths, ['/v1/passdb/verify', '/v1/userdb/users'])
}
