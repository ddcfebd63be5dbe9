// The checkpassword interface as Dovecot 2.3 speaks it (db-checkpassword.c, checkpassword-reply.c): what comes on fd 3,
// what leaves on fd 4, and what each exit status means.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import {
  type Answer,
  credentialsLookup,
  http,
  line,
  login,
  run,
  startService,
  userdbLookup,
  whyNot,
} from './checkpassword.js'

if (whyNot !== undefined) t.plan(0, whyNot)
else tests()

const REPLY = '/usr/lib/dovecot/checkpassword-reply'
const INPUT = 'anna\0secret\0\0'
const LOOKUP_INPUT = 'anna\0\0\0'
const TROUBLE = 111

function tests(): void {
  t.test('every result is the exit status that Dovecot reads so', async t => {
    const service = await startService(t)
    const statuses = {
      password_mismatch: [1, TROUBLE, TROUBLE],
      user_unknown: [1, 3, 3],
      user_disabled: [1, 3, 3],
      pass_expired: [1, 3, 3],
      scheme_not_available: [TROUBLE, TROUBLE, TROUBLE],
      internal_failure: [TROUBLE, TROUBLE, TROUBLE],
      next: [TROUBLE, TROUBLE, TROUBLE],
    }
    for (const [result, expected] of Object.entries(statuses)) {
      service.answer = line(`result=${result}`, 'user=anna', 'reason=never mind')
      const modes = [login, credentialsLookup, userdbLookup]
      for (const [at, environment] of modes.entries()) {
        const { status, reply } = await run(environment, INPUT, args(service.path))
        t.same({ status, reply }, { status: expected[at], reply: '' }, `${result}, mode ${at}`)
      }
    }
  })

  t.test('a right password: the fields on fd 4, and nothing that would let another one in', async t => {
    const service = await startService(t)
    service.answer = line(
      ...['result=ok', 'user=anna@example.org', 'proxy=y', 'host=backend1.example.com', 'starttls=any-cert'],
      ...['userdb_home=/srv/mail/a b', 'nopassword=y', 'password={PLAIN}x', 'noauthenticate=y'],
    )
    const { status, reply } = await run(login, INPUT, args(service.path))
    t.equal(status, 0)
    t.equal(
      reply,
      'user=anna@example.org\tproxy=y\thost=backend1.example.com\tstarttls=any-cert\tuserdb_home=/srv/mail/a b\t',
    )
  })

  t.test('a lookup without a password: what is stored, or that none is needed', async t => {
    const service = await startService(t)
    service.answer = line('result=ok', 'user=anna', 'password={SHA256}abc', 'proxy=y', 'host=h')
    t.match(await run(credentialsLookup, LOOKUP_INPUT, args(service.path)), {
      status: 2,
      reply: 'user=anna\tpassword={SHA256}abc\tproxy=y\thost=h\t',
    })
    service.answer = line('result=ok', 'user=anna', 'proxy=y', 'host=h')
    t.match(await run(credentialsLookup, LOOKUP_INPUT, args(service.path)), {
      status: 2,
      reply: 'user=anna\tproxy=y\thost=h\tnopassword=y\t',
    })
    t.match(service.asked[0]?.head, /^POST \/v1\/passdb\/lookup HTTP/)
    t.notMatch(service.asked[0]?.body, /password/)
  })

  t.test('a userdb lookup: fields with the prefix that Dovecot reads', async t => {
    const service = await startService(t)
    service.answer = line('result=ok', 'user=anna', 'uid=5000', 'gid=5000', 'home=/srv/mail/anna')
    t.match(await run(userdbLookup, LOOKUP_INPUT, args(service.path)), {
      status: 2,
      reply: 'userdb_uid=5000\tuserdb_gid=5000\tuserdb_home=/srv/mail/anna\t',
    })
    service.answer = line('result=ok', 'user=anna@example.org', 'uid=5000')
    t.match(await run(userdbLookup, LOOKUP_INPUT, args(service.path)), {
      reply: 'userdb_user=anna@example.org\tuserdb_uid=5000\t',
    })
    t.match(service.asked[0]?.head, /^POST \/v1\/userdb\/lookup HTTP/)
  })

  t.test('the question tells what Dovecot knows, and the token', async t => {
    const service = await startService(t)
    service.answer = line('result=password_mismatch', 'user=anna')
    const token = join(service.path, '../token')
    writeFileSync(token, 'open-sesame\n')
    await run(login, INPUT, [`--socket=${service.path}`, `--token-file=${token}`, REPLY])
    const [asked] = service.asked
    t.match(asked?.head, /^POST \/v1\/passdb\/verify HTTP/)
    t.match(asked?.head, /^Authorization: Bearer open-sesame$/im)
    t.match(asked?.head, /^Accept: text\/x-dovecot-fields$/im)
    t.same(JSON.parse(asked?.body ?? ''), {
      user: 'anna',
      password: 'secret',
      protocol: 'imap',
      mechanism: 'PLAIN',
      secured: 'TLS',
      remote_ip: '198.51.100.7',
      local_ip: '192.0.2.1',
      local_port: 993,
      real_local_ip: '192.0.2.8',
      real_remote_ip: '192.0.2.9',
      session: 'x7Zk/bcA9K1/AAAB',
    })
  })

  t.test('the password of a master user whom Dovecot has verified goes nowhere', async t => {
    const service = await startService(t)
    service.answer = line('result=ok', 'user=anna')
    t.match(await run({ ...login, MASTER_USER: 'boss' }, INPUT, args(service.path)), { status: 0 })
    t.match(JSON.parse(service.asked[0]?.body ?? ''), {
      password: '',
      master_user: 'boss',
      skip_password_check: true,
    })
  })

  t.test('names and passwords arrive byte by byte, up to 511 of them', async t => {
    const service = await startService(t)
    service.answer = line('result=password_mismatch', 'user=x')
    const passwords = [
      '',
      'quote " backslash \\ brace } tab \t newline \n return \r',
      'latin1 \xe4 utf-8 \xc3\xa4 \x7f \x01 $(id) `id` %s',
      'x'.repeat(505),
    ]
    for (const password of passwords) {
      t.match(await run(login, `anna\0${password}\0\0`, args(service.path)), { status: 1 })
      const { body } = service.asked.at(-1) ?? { body: '' }
      t.same(JSON.parse(body), { ...JSON.parse(body), user: 'anna', password })
    }
    const name = `${'n'.repeat(507)}`
    t.match(await run(login, `${name}\0x\0\0`, args(service.path)), { status: 1 })
    t.equal(JSON.parse(service.asked.at(-1)?.body ?? '').user, name)
  })

  t.test('a password is seen neither among the arguments nor in the environment', async t => {
    const service = await startService(t)
    service.answer = line('result=ok', 'user=anna', 'userdb_home=/srv/mail/anna')
    const folder = mkdtempSync(join(tmpdir(), 'homing-checkpassword-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const recorder = join(folder, 'reply')
    writeFileSync(recorder, '#!/bin/sh\nenv >&4\necho "$0 $*" >&4\n', { mode: 0o755 })
    const { reply } = await run(login, 'anna\0s3cr3t-pw\0\0', ['--exec', ...args(service.path, recorder)])
    const [asked] = service.asked
    t.match(asked?.body, /s3cr3t-pw/)
    for (const text of [asked?.commandLine, asked?.environment, reply]) t.notMatch(text, /s3cr3t-pw/)
    t.match(reply, /^HOME=\/srv\/mail\/anna$/m)
  })

  t.test('with --exec the answer goes to the program that Dovecot names', async t => {
    const service = await startService(t)
    service.answer = line(
      ...['result=ok', 'user=anna@example.org', 'userdb_home=/srv/mail/anna', 'userdb_uid=5000'],
      ...['userdb_gid=5001', 'userdb_quota=5 GB'],
    )
    const withExec = (path: string) => ['--exec', ...args(path)]
    if (!existsSync(REPLY)) {
      t.pass('checkpassword-reply is missing')
      return
    }
    const byReply = await run(login, INPUT, withExec(service.path))
    t.equal(byReply.status, 0)
    t.same(
      new Set(byReply.reply.trimEnd().split('\t')),
      new Set([
        ...['user=anna@example.org', 'userdb_home=/srv/mail/anna', 'userdb_uid=5000', 'userdb_gid=5001'],
        'userdb_quota=5 GB',
      ]),
    )
    service.answer = line('result=ok', 'user=anna', 'uid=5000', 'gid=5000', 'home=/srv/mail/anna')
    t.match(await run(userdbLookup, LOOKUP_INPUT, withExec(service.path)), {
      status: 2,
      reply: /userdb_home=\/srv\/mail\/anna\t/,
    })
    t.match(await run(login, INPUT, ['--exec', `--socket=${service.path}`]), { status: TROUBLE })
    t.match(await run(login, INPUT, ['--exec', ...args(service.path, '/nonexistent')]), { status: TROUBLE })
  })

  t.test('what does not come as Dovecot sends it is trouble', async t => {
    const service = await startService(t)
    service.answer = line('result=password_mismatch', 'user=anna')
    for (const input of [
      '',
      'anna',
      'anna\0secret',
      '\0secret\0\0',
      'a\0b\0c\0d\0',
      'anna\0\0\0\0',
      'x'.repeat(5000),
    ]) {
      const { status } = await run(login, input, args(service.path))
      t.equal(status, TROUBLE, JSON.stringify(input.slice(0, 40)))
    }
    t.equal((await run(login, INPUT, ['--sokcet=/x', REPLY])).status, TROUBLE, 'an unknown option')
    t.equal(service.asked.length, 0)
    t.match(await run(login, 'anna\0secret\0', args(service.path)), { status: 1 }, 'the time may be missing')
  })

  t.test('whatever is no sound answer is trouble', async t => {
    const service = await startService(t)
    const modes = [login, credentialsLookup, userdbLookup]
    for (const [name, answer] of Object.entries(badAnswers)) {
      service.answer = answer
      for (const environment of modes) {
        t.match(await run(environment, INPUT, args(service.path)), { status: TROUBLE, reply: '' }, name)
      }
    }
    t.match(await run(login, INPUT, args('/nonexistent/http.sock')), { status: TROUBLE })
    t.match(await run(login, INPUT, [...args(service.path)].toSpliced(1, 0, '--token-file=/')), {
      status: TROUBLE,
    })
  })

  t.test('a right password is never wrong for want of memory', async t => {
    const service = await startService(t)
    service.answer = line('result=ok', 'user=anna')
    const seen = new Set<number | null>()
    for (let memoryKiB = 2000; memoryKiB <= 14_000; memoryKiB += 100) {
      const { status, reply } = await run(login, INPUT, args(service.path), memoryKiB)
      seen.add(status)
      if (status === 0) t.not(reply, '', `${memoryKiB} KiB`)
    }
    t.notOk(seen.has(1) || seen.has(2), [...seen].join())
    t.ok(seen.has(0) && seen.has(TROUBLE), [...seen].join())
  })

  t.test('a service that hangs is trouble within some seconds', async t => {
    const service = await startService(t)
    service.answer = () => {}
    const startedAt = performance.now()
    const { status, stderr } = await run(login, INPUT, args(service.path))
    t.equal(status, TROUBLE)
    t.match(stderr, /did not answer in time/)
    t.ok(performance.now() - startedAt < 15_000)
  })
}

function args(path: string, reply = REPLY): string[] {
  return [`--socket=${path}`, reply]
}

const badAnswers: Readonly<Record<string, Answer>> = {
  nothing: '',
  'no HTTP': '220 mail.example.org ESMTP\r\n\r\n',
  'a cut head': 'HTTP/1.1 200 OK\r\nContent-',
  'a cut body': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nresult=password_mismatch\tuser=a\n',
  'too long a body': 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nresult=ok\tuser=a\n',
  'no length': 'HTTP/1.1 200 OK\r\n\r\nresult=ok\tuser=a\n',
  'a cut connection': socket => socket.destroy(),
  'status 201': http(201, 'result=ok\tuser=a\n'),
  'status 401': http(401, 'result=password_mismatch\tuser=a\n'),
  'status 404': http(404, 'result=user_unknown\tuser=a\n'),
  'status 503': http(503, 'result=internal_failure\tuser=a\n'),
  'no line end': http(200, 'result=password_mismatch\tuser=a'),
  'two lines': http(200, 'result=ok\tuser=a\nproxy=y\n'),
  JSON: http(200, '{"result":"password_mismatch"}\n'),
  'no result': line('user=a', 'result=ok'),
  'no user': line('result=ok', 'proxy=y', 'host=h'),
  'no pair': line('result=ok', 'user=a', 'proxy'),
  'an empty pair': line('result=ok', 'user=a', ''),
  'an empty value': line('result=ok', 'user=a', 'home='),
  'a bad name': line('result=ok', 'user=a', 'a b=c'),
  'the same twice': line('result=ok', 'user=a', 'home=x', 'home=y'),
  'a TAB within': line('result=ok', 'user=a', 'home=/srv\x01tproxy=y'),
  'a line end within': line('result=ok', 'user=a', 'home=/srv\x01nproxy=y'),
  'proxy=no': line('result=ok', 'user=a', 'proxy=no', 'host=h'),
  'a host without proxy': line('result=ok', 'user=a', 'host=h'),
}
