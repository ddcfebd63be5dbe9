// What deploy/…/auth.lua asks, and what Dovecot makes of every answer, of those too that Homing never gives.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  fileIsMissing,
  outage,
  pieces,
  REFUSED,
  type Run,
  slashAtTheEnd,
  unsound,
} from './auth-lua-transport.js'
import { badAnswers, smuggledAnswers } from './bad-answers.js'
import { createAuthority } from './certificates.js'
import { type DovecotOptions, startDovecot } from './dovecot.js'
import { imapAnswer } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'
import { type Answer, body, type Question, reply, startScriptedService } from './scripted-service.js'

const ok = (...fields: string[]) => reply(200, 'result=ok', ...fields)
export function testAuthLua(major: '2.3' | '2.4', client: 'LuaSocket' | "Dovecot's own client"): void {
  t.test(`auth.lua on Dovecot ${major}, asking by ${client}`, async t => {
    if (!needs(t, `dovecot-${major}`)) return
    const installation = findDovecot(`dovecot-${major}`)
    if (!installation) return
    const folder = await mkdtemp(join(tmpdir(), 'homing-auth-lua-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const authority = await createAuthority(folder, 'good')
    const certificate = await authority.issue('server', 'DNS:localhost')
    const service = await startScriptedService(ok('user=nobody'))
    t.teardown(() => service.stop())
    const options: DovecotOptions = {
      installation,
      role: 'proxy',
      service: { url: service.url, token: 'open-sesame', withoutLuaSocket: client !== 'LuaSocket' },
      certificate,
      caFile: authority.caFile,
      site: masterUsers[major],
    }
    const dovecot = await startDovecot(options)
    t.teardown(() => dovecot.stop())

    const imaps = { port: dovecot.ports.imaps, caFile: authority.caFile }
    const login = (user: string, password = 'secret') => imapAnswer(imaps, { user, password })
    const flush = () => dovecot.doveadm('auth', 'cache', 'flush')
    const questionsOf = (user: string) => service.questions.filter(({ json }) => json?.user === user)
    const run: Run = { dovecot, service, login, questionsOf, imaps, flush }

    await t.test('a storm of logins right after the start is answered', t => stormAtStart(t, run))
    await t.test('Homing is told who wants in, from where and how', t => asksEverything(t, run, major))
    await t.test('each refusal reads as what it is', t => refusals(t, run))
    await t.test('whatever is no sound answer is a temporary failure', t =>
      unsound(t, run, client === 'LuaSocket' ? { ...badAnswers, ...smuggledAnswers } : badAnswers),
    )
    await t.test('an answer may come in pieces', t => pieces(t, run))
    await t.test('a service that is down is a temporary failure until it is back', t => outage(t, run))
    await t.test('a right password vouches for no other one', t => verifyAndCache(t, run))
    await t.test('an answer for one protocol is none for another', t => cacheByProtocol(t, run))
    await t.test('nor is one for a name or a port that the client came to', t => cacheByDestination(t, run))
    await t.test('a lookup without a password answers LMTP and doveadm', t => lookups(t, run))
    await t.test('a master user has proved who he is already', t => masterLogin(t, run))
    await t.test('the userdb says whose mail is read as whom', t => userdb(t, run))
    await t.test('half a list of users is no list', t => iteration(t, run, listed[major]))
    await t.test('a URL may end with a slash', t => slashAtTheEnd(t, service, options))
    if (client === 'LuaSocket') {
      await t.test('where homing-socket.lua is missing Dovecot’s own client asks', t =>
        fileIsMissing(t, service, options),
      )
    }
  })

  t.test(`the Lua files of ${major} are the same as the other version's`, async t => {
    for (const name of ['auth.lua', 'master.lua', 'homing-socket.lua']) {
      const text = (version: string) =>
        readFile(join(import.meta.dirname, `../../../deploy/dovecot-${version}/${name}`), 'utf8')
      t.equal(await text('2.3'), await text('2.4'))
    }
  })
}

/** A master passdb of Dovecot's own in front of ours. */
const masterUsers = {
  '2.3': `auth_master_user_separator = *
passdb {
  driver = static
  args = password=master-secret
  master = yes
  result_success = continue
}
`,
  '2.4': `auth_master_user_separator = *
passdb masters {
  driver = static
  passdb_static_password = master-secret
  master = yes
  result_success = continue
}
`,
}

/**
 * Dovecot 2.4.1 learns how many workers it may have from the first of them. Until then it starts one for every
 * login, and when that is more than the limit, nobody gets an answer for five seconds.
 */
async function stormAtStart(t: Test, { dovecot, service, login }: Run): Promise<void> {
  service.answer = reply(200, 'result=password_mismatch', 'user=x')
  const answers = await Promise.all(Array.from({ length: 64 }, (_, at) => login(`storm${at}@example.org`)))
  t.same(
    answers.filter(answer => answer !== REFUSED),
    [],
  )
  t.notMatch(await dovecot.log(), /connections are being dropped/)
}

async function asksEverything(
  t: Test,
  { dovecot, service, imaps, questionsOf }: Run,
  major: '2.3' | '2.4',
): Promise<void> {
  service.answer = reply(200, 'result=password_mismatch', 'user=x')
  const password = 'quote " backslash \\ latin1 \xe4 utf-8 \xc3\xa4 brace } \x7f'
  await imapAnswer({ ...imaps, from: '127.9.8.7' }, { user: 'Anna@Example.org', password })

  const [question] = questionsOf('anna@example.org')
  t.match(question, { method: 'POST', path: '/v1/passdb/verify' })
  t.match(question?.headers, {
    accept: 'text/x-dovecot-fields',
    authorization: 'Bearer open-sesame',
    'content-type': 'application/json',
  })
  const { session, ...rest } = JSON.parse(question?.body ?? '{}')
  t.match(session, /^[\w+/]{8,}$/)
  t.same(rest, {
    user: 'anna@example.org',
    password,
    protocol: 'imap',
    mechanism: 'PLAIN',
    secured: 'TLS',
    remote_ip: '127.9.8.7',
    local_ip: '127.0.0.1',
    local_port: dovecot.ports.imaps,
    real_local_ip: '127.0.0.1',
    real_remote_ip: '127.9.8.7',
    local_name: 'localhost',
  })

  if (major === '2.4') return // It hangs up on such a name itself.
  // What separates the facts in auth.lua, in the one of them that a client may choose freely.
  const serverName = 'x\x01203.0.113.1\x01y'
  await imapAnswer({ ...imaps, from: '127.9.8.7', serverName }, { user: 'odd@example.org', password })
  const { remote_ip, local_name } = JSON.parse(questionsOf('odd@example.org')[0]?.body ?? '{}')
  t.same({ remote_ip, local_name }, { remote_ip: '127.9.8.7', local_name: serverName }, 'nothing moves')
}

async function refusals(t: Test, { dovecot, service, login }: Run): Promise<void> {
  const words = {
    password_mismatch: [/^NO \[AUTHENTICATIONFAILED\]/, /db-lua: password_mismatch/],
    user_unknown: [/^NO \[AUTHENTICATIONFAILED\]/, /db-lua: user_unknown/],
    user_disabled: [/^NO \[AUTHENTICATIONFAILED\]/, /db-lua: user_disabled: moved\?n out/],
    pass_expired: [/^NO \[EXPIRED\]/, /db-lua: pass_expired/],
    scheme_not_available: [/^NO \[AUTHENTICATIONFAILED\]/, /db-lua: scheme_not_available/],
  } as const
  for (const [word, [answer, logged]] of Object.entries(words)) {
    const reason = word === 'user_disabled' ? ['reason=moved\x01n out'] : []
    service.answer = reply(200, `result=${word}`, 'user=x', ...reason)
    const mark = await dovecot.logMark()
    t.match(await login(`${word}@example.org`), answer, word)
    await t.resolves(dovecot.waitForLog(logged, mark), `${word} stands in the log`)
  }
}

async function verifyAndCache(t: Test, { dovecot, service, questionsOf, flush }: Run): Promise<void> {
  await flush()
  const test = async (password: string) => {
    const { code, stdout } = await dovecot.doveadm(
      'auth',
      'test',
      '-x',
      'rip=192.0.2.1',
      'careless',
      password,
    )
    return { code, fields: stdout.match(/^ {2}\S+/gm)?.map(line => line.trim()) }
  }
  service.answer = ({ json }, ...rest) => {
    const good = json?.password === 'right'
    const careless = ok(
      'user=careless',
      'nopassword=y',
      'password={PLAIN}x',
      'noauthenticate=y',
      'proxy=y',
      'host=127.0.0.1',
    )
    const answer = good ? careless : reply(200, 'result=password_mismatch', 'user=careless')
    answer({ json } as Question, ...rest)
  }
  const right = await test('right')
  t.equal(right.code, 0)
  t.notMatch(right.fields?.join(), /nopassword|password|noauthenticate/, 'verify lets no such field through')
  t.equal((await test('right')).code, 0)
  t.equal(questionsOf('careless').length, 1, 'the second time Dovecot knew it')
  t.equal((await test('wrong')).code, 77)
  t.equal((await test('')).code, 77)
  t.equal((await test('wrong')).code, 77)
  t.equal(questionsOf('careless').length, 4, 'another password is asked about every time')
  t.equal((await test('right')).code, 0)
  t.equal(questionsOf('careless').length, 4, 'and the right one is still known')
  await flush()
  t.equal((await test('right')).code, 0)
  t.equal(questionsOf('careless').length, 5, 'doveadm auth cache flush makes Dovecot ask again')
}

async function cacheByProtocol(t: Test, { dovecot, service, questionsOf }: Run): Promise<void> {
  service.answer = ({ json }, ...rest) =>
    ok(
      'user=ports',
      'proxy=y',
      'host=127.0.0.1',
      `port=${json?.protocol === 'pop3' ? 9110 : 9143}`,
    )({ json } as Question, ...rest)
  const field = dovecot.major === '2.3' ? 'service' : 'protocol'
  const portOf = async (protocol: string) =>
    (await dovecot.doveadm('auth', 'test', '-x', `${field}=${protocol}`, 'ports', 'p')).stdout.match(
      /port=(\d+)/,
    )?.[1]
  t.equal(await portOf('imap'), '9143')
  t.equal(await portOf('pop3'), '9110')
  t.equal(await portOf('imap'), '9143')
  t.equal(questionsOf('ports').length, 2)
}

async function cacheByDestination(t: Test, { dovecot, service, questionsOf }: Run): Promise<void> {
  service.answer = ({ json }, ...rest) =>
    ok(
      'user=named',
      'proxy=y',
      `host=${json?.local_name}.test`,
      `port=${Number(json?.local_port) + 1}`,
    )({ json } as Question, ...rest)
  const routeOf = async (name: string, port: number) => {
    const facts = ['-x', `local_name=${name}`, '-x', `lport=${port}`]
    const { stdout } = await dovecot.doveadm('auth', 'test', ...facts, 'named', 'p')
    return ['host', 'port'].map(word => new RegExp(`${word}=(\\S+)`).exec(stdout)?.[1])
  }
  t.same(await routeOf('a', 143), ['a.test', '144'])
  t.same(await routeOf('b', 143), ['b.test', '144'])
  t.same(await routeOf('a', 993), ['a.test', '994'])
  t.same(await routeOf('a', 143), ['a.test', '144'])
  t.equal(questionsOf('named').length, 3, 'and the first was still known')
}

async function lookups(t: Test, { dovecot, service, questionsOf }: Run): Promise<void> {
  const lookup = (user: string) => dovecot.doveadm('auth', 'lookup', user)
  service.answer = ok('user=routed', 'proxy=y', 'host=127.0.0.1', 'nopassword=y')
  t.match(await lookup('routed'), { code: 0, stdout: /host +: 127\.0\.0\.1/ })
  t.match(questionsOf('routed'), [{ path: '/v1/passdb/lookup' }])
  t.notOk('password' in (questionsOf('routed')[0]?.json ?? {}))

  service.answer = ok('user=hashed', 'password={PLAIN}shown')
  t.match(await lookup('hashed'), { code: 0 })
  service.answer = ok('user=unseen', 'proxy=y', 'host=127.0.0.1')
  t.match(await lookup('unseen'), { code: 0, stdout: /proxy/ }, 'a hash that is not shown does not stop mail')
  service.answer = reply(200, 'result=user_unknown', 'user=x')
  t.match(await lookup('unknown'), { code: 67 })
  service.answer = reply(503, 'result=internal_failure', 'user=x')
  t.match(await lookup('trouble'), { code: 75 })

  service.answer = reply(200, 'result=password_mismatch', 'user=x')
  t.match(
    await dovecot.doveadm('auth', 'test', 'routed', 'any'),
    { code: 77 },
    'a lookup never answers a login',
  )
}

async function masterLogin(t: Test, { service, login, questionsOf }: Run): Promise<void> {
  service.answer = ok('user=owned', 'userdb_uid=5000', 'userdb_gid=5000', 'userdb_home=/nonexistent')
  await login('owned*helpdesk', 'master-secret')
  t.match(questionsOf('owned'), [
    { json: { master_user: 'helpdesk', skip_password_check: true, password: '' } },
  ])
  service.answer = reply(200, 'result=user_unknown', 'user=nobody')
  t.match(await login('nobody*helpdesk', 'master-secret'), /^NO \[AUTHORIZATIONFAILED\]/)
}

async function userdb(t: Test, { dovecot, service, questionsOf }: Run): Promise<void> {
  service.answer = ok('user=local', 'uid=5000', 'gid=5001', 'home=/srv/mail/local')
  const { code, stdout } = await dovecot.doveadm('user', 'local')
  t.equal(code, 0)
  t.match(stdout, /^uid\t5000$/m)
  t.match(stdout, /^gid\t5001$/m)
  t.match(stdout, /^home\t\/srv\/mail\/local$/m)
  t.match(questionsOf('local'), [{ path: '/v1/userdb/lookup', json: { user: 'local' } }])

  service.answer = reply(200, 'result=user_unknown', 'user=x')
  t.match(await dovecot.doveadm('user', 'unknown'), { code: 67 })
  for (const [name, answer] of Object.entries({
    ...badAnswers,
    mismatch: reply(200, 'result=password_mismatch', 'user=x'),
  })) {
    if (!['status-500', 'no-line-end', 'empty-value', 'mismatch'].includes(name)) continue
    service.answer = answer
    t.match(await dovecot.doveadm('user', `userdb-${name}`), { code: 75 }, name)
  }
}

/**
 * 2.4.1 breaks a list off once what waits for doveadm to read it fills its buffers (auth-worker-connection.c,
 * auth_worker_request_handle): on a busy machine the first 5,476 of these names came through, and exit code 75.
 */
const listed = { '2.3': 50_000, '2.4': 5000 } as const

async function iteration(t: Test, { dovecot, service }: Run, names: number): Promise<void> {
  const list = (answer: Answer) => {
    service.answer = answer
    return dovecot.doveadm('user', '*')
  }
  t.match(await list(body('anna@example.org\nbernd@example.org\n\n')), {
    code: 0,
    stdout: 'anna@example.org\nbernd@example.org\n',
  })
  t.equal(service.questions.at(-1)?.path, '/v1/userdb/users')
  t.match(await list(body('\n')), { code: 0, stdout: '' }, 'no users are a list too')

  const many = Array.from({ length: names }, (_, at) => `user${at}@example.org`)
  const all = await list(body(`${many.join('\n')}\n\n`))
  const users = all.stdout.trimEnd().split('\n').length
  t.same({ code: all.code, users }, { code: 0, users: names }, all.stderr.slice(0, 500))

  const broken: Readonly<Record<string, Answer>> = {
    'no end': body('anna\nbernd\n'),
    'a cut name': body('anna\nber'),
    'an end within': body('anna\n\nbernd\n\n'),
    nothing: body(''),
    'a control byte': body('anna\x01t\n\n'),
    'a status': reply(503, 'anna', ''),
    'a cut connection': (_question, response) => {
      response.writeHead(200)
      response.write('anna\nbernd\n', () => response.destroy())
    },
  }
  for (const [name, answer] of Object.entries(broken)) {
    t.match(await list(answer), { code: 75, stdout: '' }, name)
  }
}
