// A proxy of each version in front of real backends: everybody gets into their own mailbox, wherever it is.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Door } from './doors.js'
import type { RunningDovecot } from './dovecot.js'
import { imapAnswer, imapAppend, imapLogin, lmtpDeliver, pop3Answer } from './mail-clients.js'
import { needs } from './parts.js'
import {
  crowdOf,
  type Major,
  PASSWORD,
  proxiedName,
  proxyLocalUsers,
  type Site,
  startSite,
} from './proxy-site.js'

const REFUSED = 'NO [AUTHENTICATIONFAILED] Authentication failed.'

interface ProxySuite {
  /** How the proxy asks its Homing. */
  readonly door: Door
  readonly backends: readonly Major[]
  /** What is behind the proxy's Homing; behind the backends' it is always SQLite. */
  readonly database: 'sqlite' | 'mariadb'
}

export function testProxy(major: Major, { door, backends: backendMajors, database }: ProxySuite): void {
  t.test(`Dovecot ${major} as the proxy, Homing on ${database} through the ${door} door`, async t => {
    const dovecots = [major, ...backendMajors].map(version => `dovecot-${version}` as const)
    if (!needs(t, ...dovecots, ...(database === 'mariadb' ? ([database] as const) : []))) return
    const site = await startSite(t, major, door, backendMajors, database)

    await t.test('proxy and backend start without a warning', async t => {
      for (const dovecot of [site.proxy, ...site.backends])
        t.notMatch(await dovecot.log(), /Warning|Error|Fatal/)
    })
    for (const backend of site.backends) {
      for (const mode of ['none', 'starttls', 'ssl'] as const) {
        await t.test(`a proxied user arrives at their ${backend.major} backend (ssl_mode ${mode})`, t =>
          arrives(t, site, backend, mode),
        )
      }
    }
    await t.test('a backend that cannot prove who it is gets no password', t => impostors(t, site))
    await t.test('a local user has their mail here', t => localUser(t, site))
    await t.test('everybody is refused for the reason that is theirs', t => refusals(t, site, door))
    await t.test('a proxied user who may not log in there is not let in as a local one', t =>
      noFallThrough(t, site),
    )
    await t.test('POP3 goes to the POP3 port of the backend', t => pop3(t, site))
    await t.test('mail is delivered where its reader is', t => lmtp(t, site))
    await t.test('doveadm lists everybody, proxied users too', t => iteration(t, site))
    await t.test('two users with the same password each get their own mailbox', t => samePassword(t, site))
    await t.test('a wrong password is refused however often the right one was given', t => cached(t, site))
    await t.test('in a crowd nobody is taken for another', t => crowd(t, site))
  })
}

/** The messages in somebody's INBOX at this server; empty when they never were there. */
async function messagesAt(server: RunningDovecot, user: string): Promise<string[]> {
  const messages: string[] = []
  for (const folder of ['new', 'cur']) {
    const path = join(server.mailFolderOutside, user, 'Maildir', folder)
    const names = await readdir(path).catch(() => [])
    for (const name of names) messages.push(await readFile(join(path, name), 'utf8'))
  }
  return messages
}

async function arrives(t: Test, site: Site, backend: RunningDovecot, mode: string): Promise<void> {
  const mark = await backend.logMark()
  const login = await imapLogin(site.imaps, { user: proxiedName(backend, mode), password: PASSWORD })
  t.match(login.answer, /^OK .*Logged in/)
  const text = `by ${mode} from ${site.proxy.major} to ${backend.major}`
  t.match(await imapAppend(login, `Subject: ${text}\r\n\r\n`), /^OK/)
  login.client.close()

  const messages = await messagesAt(backend, `${mode}@backend.test`)
  t.equal(
    messages.filter(message => message.includes(text)).length,
    1,
    'the message lies in the mailbox of destuser',
  )
  const log = await backend.waitForLog(new RegExp(`(Login|Logged in): user=<${mode}@backend.test>`), mark)
  const line = log.split('\n').find(line => line.includes('@backend.test>')) ?? ''
  t.match(line, 'rip=127.0.0.2', 'the backend knows the client’s address')
  t.match(line, mode === 'none' ? /, secured|, trusted/ : /, TLS/)
}

async function impostors(t: Test, site: Site): Promise<void> {
  const impostors = Object.entries(site.impostors)
  const login = (name: string) =>
    imapAnswer(site.imaps, { user: `${name}@proxied.test`, password: 'very-secret' })
  const answers = await Promise.all(impostors.map(([name]) => login(name)))
  for (const [at, [name, impostor]] of impostors.entries()) {
    t.match(answers[at], /^NO \[UNAVAILABLE\]/, name)
    t.ok(impostor.connections > 0, `${name}: it was called`)
    t.notMatch(impostor.heard.join('\n'), /very-secret|LOGIN|AUTHENTICATE/i, `${name}: and was told nothing`)
  }

  for (const [name, genuine] of Object.entries(site.genuine)) {
    t.match(await login(name), /^OK/, name)
    t.match(genuine.heard.join('\n'), /very-secret/, `${name}: hears the password`)
  }
}

async function localUser(t: Test, site: Site): Promise<void> {
  const login = await imapLogin(site.imaps, { user: 'local@proxied.test', password: PASSWORD })
  t.match(login.answer, /^OK .*Logged in/)
  t.match(await imapAppend(login, 'Subject: at home\r\n\r\n'), /^OK/)
  login.client.close()
  t.match(await messagesAt(site.proxy, 'local@proxied.test'), [/at home/])

  const { code, stdout } = await site.proxy.doveadm('user', 'local@proxied.test')
  t.equal(code, 0)
  t.match(stdout, /^uid\t5000$/m)
  t.match(stdout, /^gid\t5000$/m)
  t.ok(stdout.includes(`home\t${site.proxy.mailFolder}/local@proxied.test\n`))
}

/** What stands in Dovecot's log for a refusal; passdb oauth2 has words of its own, and fewer. */
function loggedBy(door: Door, word: string): string {
  if (door !== 'oauth2') return word
  return word === 'user_unknown' ? 'did not match' : 'Provided token is not valid'
}

async function refusals(
  t: Test,
  { proxy, homing, imaps, backends: [backend] }: Site,
  door: Door,
): Promise<void> {
  const proxied = backend ? proxiedName(backend, 'starttls') : ''
  const cases: [user: string, password: string, word: string, passdbs: string][] = [
    [proxied, 'wrong', 'password_mismatch', 'proxy:password_mismatch'],
    ['local@proxied.test', 'wrong', 'password_mismatch', 'proxy:user_unknown local:password_mismatch'],
    ['nobody@proxied.test', PASSWORD, 'user_unknown', 'proxy:user_unknown local:user_unknown'],
    ['suspended-here@proxied.test', PASSWORD, 'user_disabled', 'proxy:user_unknown local:user_disabled'],
    ['suspended@proxied.test', PASSWORD, 'user_disabled', 'proxy:user_disabled'],
  ]
  for (const [user, password, word, passdbs] of cases) {
    const mark = await proxy.logMark()
    t.equal(await imapAnswer(imaps, { user, password }), REFUSED, user)
    const logged = await proxy.waitForLog(new RegExp(`${user}.*${loggedBy(door, word)}`), mark)
    t.notMatch(logged, password === 'wrong' ? /\bwrong\b/ : PASSWORD, 'no password stands in the log')
    await t.resolves(homing.waitForLog(`"user":"${user}"`, `"passdbs":"${passdbs}"`), passdbs)
  }
}

async function noFallThrough(t: Test, { proxy, imaps }: Site): Promise<void> {
  // Both stand among the local users too, and this is their password there.
  for (const user of ['suspended@proxied.test', 'twofold@proxied.test']) {
    t.equal(await imapAnswer(imaps, { user, password: PASSWORD }), REFUSED, user)
    t.same(await messagesAt(proxy, user), [])
  }
}

async function pop3(t: Test, { proxy, imaps, backends: [backend] }: Site): Promise<void> {
  if (!backend) return
  for (const mode of ['starttls', 'ssl']) {
    const user = proxiedName(backend, mode)
    t.match(await imapAnswer(imaps, { user, password: PASSWORD }), /^OK/, 'Dovecot knows the IMAP answer')
    const mark = await backend.logMark()
    t.match(await pop3Answer({ ...imaps, port: proxy.ports.pop3s }, { user, password: PASSWORD }), /^\+OK/)
    await t.resolves(backend.waitForLog(new RegExp(`pop3-login: .*user=<${mode}@backend.test>`), mark))
  }
}

async function lmtp(t: Test, { proxy, backends: [backend] }: Site): Promise<void> {
  if (!backend) return
  const deliver = (recipient: string) =>
    lmtpDeliver(proxy.ports.lmtp, recipient, `Subject: to ${recipient}\r\n\r\nhello`)
  t.match(await deliver('delivered@proxied.test'), /^250 /)
  t.match((await messagesAt(backend, 'none@backend.test')).join(), 'to delivered@proxied.test')
  t.same(await messagesAt(proxy, 'delivered@proxied.test'), [], 'although a local user has the same name')
  t.match(await deliver('local@proxied.test'), /^250 /)
  t.match((await messagesAt(proxy, 'local@proxied.test')).join(), 'to local@proxied.test')
  t.match(await deliver('nobody@proxied.test'), /^550 /)
}

async function iteration(t: Test, { proxy }: Site): Promise<void> {
  const { code, stdout } = await proxy.doveadm('user', '*')
  t.equal(code, 0)
  const users = stdout.trim().split('\n')
  t.equal(new Set(users).size, users.length, 'each once')
  for (const { username } of proxyLocalUsers(proxy)) t.ok(users.includes(username), username)
  for (const name of crowdOf('there')) t.ok(users.includes(`${name}@proxied.test`), `${name}, who is proxied`)
}

async function samePassword(t: Test, { proxy, imaps, backends: [backend] }: Site): Promise<void> {
  if (!backend) return
  const append = async (user: string) => {
    const login = await imapLogin(imaps, { user, password: PASSWORD })
    t.match(await imapAppend(login, `Subject: of ${user}\r\n\r\n`), /^OK/)
    login.client.close()
  }
  await append('same@proxied.test')
  await append('same-here@proxied.test')
  await append('same@proxied.test')
  t.equal(
    (await messagesAt(backend, 'same@backend.test')).filter(text => text.includes('of same@proxied')).length,
    2,
  )
  t.match(await messagesAt(proxy, 'same-here@proxied.test'), [/of same-here@proxied/])
}

async function cached(t: Test, { imaps, backends: [backend] }: Site): Promise<void> {
  const proxied = backend ? proxiedName(backend, 'starttls') : ''
  for (const user of [proxied, 'local@proxied.test']) {
    const login = (password: string) => imapAnswer(imaps, { user, password })
    for (let times = 0; times < 2; times++) {
      t.match(await login(PASSWORD), /^OK/)
      t.equal(await login('wrong'), REFUSED)
      t.equal(await login(''), REFUSED)
    }
    t.match(await login(PASSWORD), /^OK/)
  }
}

async function crowd(t: Test, { proxy, imaps, backends: [backend] }: Site): Promise<void> {
  if (!backend) return
  const users = [...crowdOf('there'), ...crowdOf('here')]
  const appended = await Promise.all(
    users.map(async name => {
      // Who waited in vain once, on a busy machine, is not known: both logs would have told.
      const waited = async (cause: Error): Promise<never> => {
        const ends = await Promise.all(
          [proxy, backend].map(async dovecot => (await dovecot.log()).slice(-3000)),
        )
        throw new Error(`${name}: ${cause.message}\n${ends.join('\n--- the backend:\n')}`, { cause })
      }
      const login = await imapLogin(imaps, { user: `${name}@proxied.test`, password: PASSWORD }).catch(waited)
      const answer = await imapAppend(login, `Subject: of ${name} alone\r\n\r\n`).catch(waited)
      login.client.close()
      return answer.slice(0, 2)
    }),
  )
  t.same(
    appended,
    users.map(() => 'OK'),
  )
  for (const name of crowdOf('there'))
    t.match(await messagesAt(backend, `${name}@backend.test`), [`of ${name} alone`])
  for (const name of crowdOf('here'))
    t.match(await messagesAt(proxy, `${name}@proxied.test`), [`of ${name} alone`])
}
