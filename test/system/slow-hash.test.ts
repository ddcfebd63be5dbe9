// A hash that takes longer than Dovecot waits for an answer, and more passwords than can be hashed: real Dovecots ask
// again when Homing says so (503 with Retry-After), and whoever still has no answer hears of a temporary failure.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Password } from '../../src/model/password.js'
import { generatePassword } from '../../src/password/generate-password.js'
import { defaultPasswordSettings } from '../../src/password/password-settings.js'
import { createAuthority } from './certificates.js'
import { mailUser, type RunningDovecot, startDovecot } from './dovecot.js'
import { type RunningHoming, startHoming } from './homing.js'
import { imapAnswer } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'

const PASSWORD = 'correct horse battery staple'
const TIMEOUT_MS = 500
/** More than one attempt waits and less than two do; Dovecot's second begins within a second after the first. */
const HASH_MS = 750
const TEMPORARY = /^NO \[UNAVAILABLE\] Temporary authentication failure/
const TRIES = 6

t.test('auth.lua waits longer for an answer than a password may wait for its hash', async t => {
  for (const major of ['2.3', '2.4']) {
    const file = join(import.meta.dirname, `../../../deploy/dovecot-${major}/auth.lua`)
    const options = /patience = \{ question = \{ once = (\d+), all = (\d+) \}/
    const [, request, total] = options.exec(await readFile(file, 'utf8'))?.map(Number) ?? []
    const { auth_hash_timeout: timeoutMs, auth_hash_max_wait: maxWaitMs } = defaultPasswordSettings
    t.ok(timeoutMs <= Number(request) - 250, `${major}: ${timeoutMs} ms, and some for the way`)
    t.ok(maxWaitMs <= timeoutMs / 2, 'whoever is let in may wait twice as long as expected')
    t.ok(2 * timeoutMs + 1000 <= Number(total), `${major}: a second attempt is over in time, too`)
  }
})

t.test('hashes that take longer than a caller waits', { timeout: 240_000 }, async t => {
  if (!needs(t, 'dovecot-2.3', 'dovecot-2.4')) return
  const folder = await mkdtemp(join(tmpdir(), 'homing-slow-hash-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const certificate = await authority.issue('server', 'DNS:localhost')
  const homing = await startHoming({
    config: [
      `auth_hash_timeout = "${TIMEOUT_MS} msecs"`,
      'auth_hash_max_wait = "100 msecs"',
      'auth_hash_workers = 1',
      'auth_hash_max_rounds = 100000000',
    ].join('\n'),
  })
  t.teardown(() => homing.close())
  for (const major of ['2.3', '2.4'] as const) {
    const installation = findDovecot(`dovecot-${major}`)
    if (!installation) throw new Error(`Dovecot ${major} was there a moment ago`)
    const { caFile } = authority
    const proxy = await startDovecot({ installation, role: 'proxy', service: homing, certificate, caFile })
    t.teardown(() => proxy.stop())
    const login = (user: string, password: string) =>
      imapAnswer({ port: proxy.ports.imaps, caFile }, { user, password })
    const run: Run = { homing, proxy, login }
    await t.test(`Dovecot ${major} asks again, and finds the hash computed`, t => asksAgain(t, run))
    await t.test(`Dovecot ${major} tells nobody of a wrong password while too many wait`, t => crowd(t, run))
  }
})

interface Run {
  readonly homing: RunningHoming
  readonly proxy: RunningDovecot
  login(user: string, password: string): Promise<string>
}

/** What the machine does besides can make the hash too quick or too slow: then with another one. */
async function asksAgain(t: Test, { homing, proxy, login }: Run): Promise<unknown> {
  let ms = HASH_MS
  for (let tries = 1; ; tries++) {
    const user = `slow-${proxy.major}-${tries}@hash.test`
    await homing.addAccounts({ localUsers: [accountOf(user, await hashThatTakes(ms), proxy)] })
    const answer = await login(user, PASSWORD)
    t.match(answer, /^OK|^NO \[UNAVAILABLE\]/, 'never a wrong password')
    await homing.waitForLog(user, answer.startsWith('OK') ? 'verify: ok' : 'internal_failure')
    const lines = (await homing.log()).split('\n').filter(line => line.includes(user))
    const isLate = lines.some(line => line.includes('the hash was not computed in time'))
    const isSecond = isLate && answer.startsWith('OK')
    if (isSecond || tries === TRIES) return t.ok(isSecond, 'the second attempt opens the mailbox', { lines })
    ms *= isLate ? 0.6 : 1.5
    await sleep(2000)
  }
}

async function crowd(t: Test, { homing, proxy, login }: Run): Promise<void> {
  const password = await hashThatTakes(HASH_MS)
  const users = Array.from({ length: 12 }, (_, at) => `crowd-${proxy.major}-${at}@hash.test`)
  await homing.addAccounts({ localUsers: users.map(user => accountOf(user, password, proxy)) })
  // Not twice the same question, which would be computed once.
  const answers = await Promise.all(users.map((user, at) => login(user, at ? `wrong ${at}` : PASSWORD)))
  const [right = '', ...wrong] = answers
  t.match(right, /^OK|^NO \[UNAVAILABLE\]/, 'who gives the right password does not hear it is wrong')
  t.ok(
    wrong.some(answer => TEMPORARY.test(answer)),
    'some hear of a temporary failure',
    { answers },
  )
  t.match(await homing.log(), /too many passwords wait for their hash/)
}

const accountOf = (username: string, password: string, { mailFolder }: RunningDovecot) => ({
  username,
  password,
  home: join(mailFolder, username),
  ...mailUser,
})

/** A SHA512-CRYPT hash of the password that takes about so long to compute, as fast as the machine is just now. */
async function hashThatTakes(ms: number): Promise<string> {
  const rounds = 100_000
  const start = performance.now()
  await newHash(rounds)
  return newHash(Math.round((rounds * ms) / (performance.now() - start)))
}

async function newHash(rounds: number): Promise<string> {
  const made = await generatePassword('SHA512-CRYPT', new Password(PASSWORD), { rounds })
  if ('refused' in made) throw new Error(made.refused)
  return made.stored
}
