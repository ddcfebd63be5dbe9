import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { Password } from '../../../src/model/password.js'
import {
  createPasswordVerifier,
  type PasswordVerifierOptions,
} from '../../../src/password/create-password-verifier.js'
import type { PasswordVerdict } from '../../../src/password/password-verifier.js'

/** `secret`, 1000 rounds. */
const stored =
  '{SHA512-CRYPT}$6$rounds=1000$0123456789abcdef$mcCDk6dNL5N0ijt8G9cMeU.2SLHUPRvQks/S0b3xWPKwxC/ouwbeCpt1WQloVhjazWF95X44lzjAj904IpNm1/'

function verifierOf(options: PasswordVerifierOptions = {}) {
  // Time enough on a busy machine.
  const verifier = createPasswordVerifier({ auth_hash_workers: 1, auth_hash_timeout: 30_000, ...options })
  const ask = (value: string, password: string, user = 'anna@example.org') =>
    verifier.verify(value, new Password(password), { user })
  return { verifier, ask }
}

const word = ({ verdict }: PasswordVerdict) => verdict

t.test('a right password matches and a wrong one does not', async t => {
  const { verifier, ask } = verifierOf()
  t.strictSame(await ask(stored, 'secret'), { verdict: 'match' })
  t.strictSame(await ask(stored, 'Secret'), { verdict: 'mismatch' })
  t.strictSame(await ask(stored, ''), { verdict: 'mismatch' })
  t.strictSame(await ask('{plain}secret', 'secret'), { verdict: 'match' })
  await verifier.close()
})

t.test('what is wrong with the stored value is never a wrong password', async t => {
  const { verifier, ask } = verifierOf()
  const cases: [string, string, RegExp][] = [
    ['secret', 'malformed', /no \{SCHEME\}/],
    ['', 'malformed', /no \{SCHEME\}/],
    ['{NO-SUCH}secret', 'scheme_not_available', /NO-SUCH/],
    ['{constructor}secret', 'scheme_not_available', /CONSTRUCTOR/],
    ['{__proto__}secret', 'scheme_not_available', /unprintable/],
    ['{PLAIN.ROT13}secret', 'scheme_not_available', /PLAIN.ROT13/],
    ['{PLAIN.HEX}secret', 'malformed', /not valid hex/],
    ['{PLAIN.B64}sec', 'malformed', /not valid base64/],
    ['{PLAIN-TRUNC}secret', 'malformed', /length/],
    ['{SHA512-CRYPT}secret', 'malformed', /no crypt\(3\) method/],
    ['{SHA512-CRYPT}$6$salt', 'malformed', /without salt and digest/],
    [stored.slice(0, 64), 'malformed', /cut or damaged/],
    [`${stored}x`, 'malformed', /cut or damaged/],
    [stored.replace('rounds=1000', 'rounds=999'), 'malformed', /rounds/],
    [stored.replace('rounds=1000', 'rounds=01000'), 'malformed', /rounds/],
    [stored.replace('rounds=1000', 'rounds='), 'malformed', /rounds/],
    [stored.replace('rounds=1000', 'rounds=999999999'), 'malformed', /auth_hash_max_rounds/],
    [stored.replace('0123456789abcdef', '0123456789abcdefg'), 'malformed', /salt/],
    [stored.replace('0123456789abcdef', '01:3'), 'malformed', /salt/],
    ['{CRYPT}$y$j9T$salt$digest', 'malformed', /yescrypt that is cut or damaged/],
    [`{CRYPT}$y$j9T$salt$${'x'.repeat(43)}x`, 'malformed', /yescrypt that is cut or damaged/],
    [`{CRYPT}$y$jHT$salt$${'x'.repeat(43)}`, 'malformed', /yescrypt with more memory/],
    [`{CRYPT}$y$j$salt$${'x'.repeat(43)}`, 'malformed', /yescrypt that is cut or damaged/],
    [`{CRYPT}$7$SU..../....salt$${'x'.repeat(43)}`, 'malformed', /scrypt with more memory/],
    [`{CRYPT}$7$CU..../U...salt$${'x'.repeat(43)}`, 'malformed', /scrypt with 2049 passes/],
    [`{CRYPT}$sha1$1000001$salt$${'x'.repeat(28)}`, 'malformed', /sha1crypt with 1000001 rounds/],
    [`{CRYPT}_zzzzsalt${'x'.repeat(11)}`, 'malformed', /DES with 16777215 rounds/],
    [`{CRYPT}_....salt${'x'.repeat(11)}`, 'malformed', /DES that is cut or damaged/],
  ]
  for (const [value, verdict, reason] of cases) {
    t.match(await ask(value, 'secret'), { verdict, reason }, value)
  }
  t.equal(verifier.stats().computed, 0, 'nothing was hashed')
  await verifier.close()
})

t.test('a weak scheme is refused, also behind CRYPT, unless it is allowed', async t => {
  const weak: [string, string][] = [
    ['{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69', 'PLAIN-MD5'],
    ['{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==', 'LDAP-MD5'],
    ['{md5}5ebe2294ecd0e0f08eab7690d2a6ee69', 'MD5'],
    ['{MD5-CRYPT}$1$saltsalt$9xy1btjgzLYfb7hivXtC//', 'MD5-CRYPT'],
    ['{CRYPT}$1$saltsalt$9xy1btjgzLYfb7hivXtC//', 'MD5-CRYPT'],
    ['{SHA512-CRYPT}$1$saltsalt$9xy1btjgzLYfb7hivXtC//', 'MD5-CRYPT'],
    ['{CRYPT}abNANd1rDfiNc', 'DES-CRYPT'],
    ['{DES-CRYPT}abNANd1rDfiNc', 'DES-CRYPT'],
  ]
  const strict = verifierOf()
  const lenient = verifierOf({ auth_allow_weak_schemes: true })
  for (const [value, scheme] of weak) {
    const reason = `weak password scheme ${scheme} used and refused (auth_allow_weak_schemes)`
    t.strictSame(await strict.ask(value, 'secret'), { verdict: 'malformed', reason }, value)
    t.strictSame(await lenient.ask(value, 'secret'), { verdict: 'match' }, value)
  }
  await Promise.all([strict.verifier.close(), lenient.verifier.close()])
})

t.test('a hash that asks for more work than the caps allow is never computed', async t => {
  const { verifier, ask } = verifierOf({ auth_hash_max_rounds: 5000, auth_hash_memory_limit: 2 ** 20 })
  const tail = 'c29tZXNhbHQxMjM0NTY$c29tZWRpZ2VzdDEyMzQ1Njc4'
  const cases: [string, RegExp][] = [
    [stored.replace('rounds=1000', 'rounds=5001'), /auth_hash_max_rounds/],
    [`{PBKDF2}$1$salt$5001$${'0'.repeat(40)}`, /auth_hash_max_rounds/],
    [
      '{SCRAM-SHA-1}5001,GetyLXdBuHzf1FWf8SLz2Q==,NA/OqmF4hhrsrB9KR7po+dliTGM=,QBiURvQaE6H6qYTmeghDHLANBFQ=',
      /auth_hash_max_rounds/,
    ],
    ['{OTP}sha1 999999999 seed 0123456789abcdef', /auth_hash_max_rounds/],
    [`{BLF-CRYPT}$2y$31$${'.'.repeat(53)}`, /auth_hash_max_bcrypt_cost/],
    [`{ARGON2ID}$argon2id$v=19$m=4194304,t=1,p=1$${tail}`, /auth_hash_memory_limit/],
    [`{ARGON2ID}$argon2id$v=19$m=1024,t=1000000,p=1$${tail}`, /auth_hash_max_passes/],
    [`{ARGON2ID}$argon2id$v=19$m=1024,t=1,p=1000$${tail}`, /lanes/],
  ]
  for (const [value, reason] of cases) {
    t.match(await ask(value, 'secret'), { verdict: 'malformed', reason }, value)
  }
  t.equal(verifier.stats().computed, 0)
  await verifier.close()
})

t.test('bcrypt is strict about what it reads', async t => {
  const { verifier, ask } = verifierOf()
  // Upstream's own vector (test-libpassword.c): `test`.
  const digest = 'wkzwmhwM26OXgzXwhV2PyPuLV.Qi31ILcRcThQpEiW'
  const bcrypt = `{BLF-CRYPT}$2y$05$11ipvo5dR6C${digest}`
  t.strictSame(await ask(bcrypt, 'test'), { verdict: 'match' })
  t.strictSame(await ask(bcrypt.replace('{BLF-CRYPT}', '{CRYPT}'), 'Test'), { verdict: 'mismatch' })
  t.match(await ask(bcrypt.slice(0, -1), 'test'), { verdict: 'malformed' })
  t.match(await ask(bcrypt.replace('M26', 'M2/'), 'test'), { verdict: 'mismatch' })
  t.match(await ask(bcrypt.replace('$05$', '$03$'), 'test'), { verdict: 'malformed' })
  t.match(await ask('{BLF-CRYPT}$6$salt$digest', 'test'), { verdict: 'malformed' })
  await verifier.close()
})

t.test('DIGEST-MD5 hashes the name as it was typed', async t => {
  const { verifier } = verifierOf()
  // md5('Anna:example.org:secret')
  const value = '{DIGEST-MD5}3820a57f8a607033ea16b31e3d7d7a89'
  const ask = (originalUser?: string) =>
    verifier.verify(value, new Password('secret'), {
      user: 'anna@example.org',
      ...(originalUser === undefined ? {} : { originalUser }),
    })
  t.strictSame(await ask('Anna@example.org'), { verdict: 'match' })
  t.strictSame(await ask(), { verdict: 'mismatch' })
  await verifier.close()
})

t.test('a reason tells nothing of the stored value', async t => {
  const { verifier, ask } = verifierOf()
  const verdicts = await Promise.all([
    ask('{my}secret}x', 'a'),
    ask('{PLAIN.B64}hunter2', 'a'),
    ask('{my secret}x', 'a'),
    ask(stored.replace('rounds=1000', 'rounds=hunter2'), 'a'),
  ])
  t.notMatch(JSON.stringify(verdicts), /secret|hunter2/)
  await verifier.close()
})

t.test('a locked account matches no password', async t => {
  const { verifier, ask } = verifierOf()
  for (const value of [
    '{CRYPT}',
    '{CRYPT}*',
    '{CRYPT}!',
    `{SHA512-CRYPT}!${stored.slice(14)}`,
    '{CRYPT}*0',
  ]) {
    t.strictSame(await ask(value, ''), { verdict: 'mismatch' }, value)
    t.strictSame(await ask(value, value.slice(7)), { verdict: 'mismatch' }, value)
  }
  await verifier.close()
})

t.test('a password that crypt(3) refuses for its length is a mismatch without being hashed', async t => {
  const { verifier, ask } = verifierOf()
  t.strictSame(await ask(stored, 'x'.repeat(512)), { verdict: 'mismatch' })
  t.equal(verifier.stats().computed, 0)
  t.strictSame(await ask(stored, 'x'.repeat(511)), { verdict: 'mismatch' })
  t.equal(verifier.stats().computed, 1)
  // A busy machine can hold up any one of them; the quickest shows what it takes.
  const took: number[] = []
  for (let tries = 0; tries < 5; tries++) {
    const start = performance.now()
    t.strictSame(await ask('{PLAIN}x', 'x'.repeat(2 ** 20)), { verdict: 'mismatch' })
    took.push(performance.now() - start)
  }
  t.ok(Math.min(...took) < 100, `${Math.min(...took).toFixed(0)} ms`)
  t.equal(verifier.stats().computed, 1)
  await verifier.close()
})

t.test('the same question asked many times at once is computed once', async t => {
  const { verifier, ask } = verifierOf()
  const right = Array.from({ length: 20 }, () => ask(stored, 'secret'))
  const wrong = Array.from({ length: 20 }, () => ask(stored, 'wrong'))
  t.strictSame(new Set((await Promise.all(right)).map(word)), new Set(['match']))
  t.strictSame(new Set((await Promise.all(wrong)).map(word)), new Set(['mismatch']))
  t.equal(verifier.stats().computed, 2)
  await ask(stored, 'secret')
  t.equal(verifier.stats().computed, 3, 'asked later it is computed again')
  await verifier.close()
})

t.test('one who gives up does not spoil it for those who asked the same', async t => {
  const { verifier, ask } = verifierOf()
  const abort = new AbortController()
  const first = verifier.verify(stored, new Password('secret'), { user: 'anna', signal: abort.signal })
  const second = ask(stored, 'secret')
  abort.abort()
  t.equal(word(await first), 'unavailable')
  t.equal(word(await second), 'match')
  await verifier.close()
})

t.test('a hash that takes longer than its caller waits is there when he asks again', async t => {
  const hashProgram = new URL('./fixtures/obedient-worker.js', import.meta.url)
  const { verifier, ask } = verifierOf({ hashProgram, auth_hash_timeout: 400 })
  await verifier.warmUp()
  t.strictSame(await ask(stored, 'sleep 600'), {
    verdict: 'unavailable',
    reason: 'the hash was not computed in time',
    retryAfterSecs: 1,
  })
  t.equal(verifier.stats().timedOut, 1)
  t.equal(word(await ask(stored, 'sleep 600')), 'mismatch')
  t.equal(verifier.stats().computed, 1, 'by the same computation')
  t.equal(word(await ask(stored, 'sleep 500')), 'unavailable')
  await setTimeout(500)
  t.equal(word(await ask(stored, 'sleep 500')), 'mismatch')
  t.equal(verifier.stats().computed, 2, 'also when it was done in between')
  await verifier.close()
})

/** Another account's, whose salt is its own. */
const storedOf = (account: number) => stored.replace('0123456789abcdef', `${account}`.padStart(16, '0'))

t.test('an unknown user is hashed like most others, and is never a match', async t => {
  const { verifier, ask } = verifierOf()
  const nobody = () => verifier.verifyNothing(new Password('secret'), { user: 'nobody' })
  t.strictSame(await nobody(), { verdict: 'mismatch' })
  t.equal(verifier.stats().computed, 1, 'before anybody logged in as what Homing makes by default')
  for (let i = 0; i < 5; i++) await ask(`{PLAIN}secret ${i}`, 'secret')
  t.strictSame(await nobody(), { verdict: 'mismatch' })
  t.equal(verifier.stats().computed, 1, 'where most are compared at once, at once')
  for (let i = 0; i < 6; i++) await ask(storedOf(i), 'secret')
  t.strictSame(await nobody(), { verdict: 'mismatch' })
  t.equal(verifier.stats().computed, 8)
  await verifier.close()
})

t.test('guesses at one account do not choose what an unknown user costs', async t => {
  const { verifier, ask } = verifierOf()
  for (let i = 0; i < 2; i++) await ask(`{PLAIN}secret ${i}`, 'secret')
  for (let i = 0; i < 6; i++) await ask(stored, `guess ${i}`)
  await verifier.verifyNothing(new Password('secret'), { user: 'nobody' })
  t.equal(verifier.stats().computed, 6, 'an unknown user is answered at once, as most are')
  await verifier.close()
})

t.test('what was refused or given up does not choose what an unknown user costs', async t => {
  const { verifier, ask } = verifierOf()
  await ask('{PLAIN}secret', 'secret')
  for (let i = 0; i < 3; i++) {
    await ask(storedOf(i), 'x'.repeat(512))
    const context = { user: 'anna@example.org', signal: AbortSignal.abort() }
    await verifier.verify(storedOf(i), new Password('secret'), context)
  }
  await verifier.verifyNothing(new Password('secret'), { user: 'nobody' })
  t.equal(verifier.stats().computed, 0)
  await verifier.close()
})

t.test('whoever does not want it need not pay for unknown users', async t => {
  const { verifier } = verifierOf({ auth_unknown_user_hash: false })
  t.strictSame(await verifier.verifyNothing(new Password('x'), { user: 'nobody' }), { verdict: 'mismatch' })
  t.equal(verifier.stats().computed, 0)
  await verifier.close()
})

t.test('after warming up it is known what computes the hashes', async t => {
  const { verifier } = verifierOf()
  t.strictSame(verifier.describe(), [])
  await verifier.warmUp()
  t.match(verifier.describe(), [/^SHA512-CRYPT by wasm/, /^SHA256-CRYPT by wasm/])
  await verifier.close()
})

t.test('timers keep firing while every hash thread is busy', async t => {
  const { verifier, ask } = verifierOf({ auth_hash_workers: 2 })
  await verifier.warmUp()
  const slow = stored.replace('rounds=1000', 'rounds=200000')
  const hashes = 24
  let longest = 0
  let fired = 0
  let last = performance.now()
  const timer = setInterval(() => {
    fired++
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 2)
  const start = performance.now()
  await Promise.all(Array.from({ length: hashes }, (_, i) => ask(slow, `secret ${i}`, `user ${i}`)))
  const took = performance.now() - start
  clearInterval(timer)
  // Were hashes computed on the event loop, a timer could fire between two of them at best.
  t.ok(fired > 3 * hashes, `a timer of 2 ms fired ${fired} times in ${Math.round(took)} ms`)
  t.ok(longest < took / 4, `its longest pause was ${Math.round(longest)} ms`)
  await verifier.close()
})
