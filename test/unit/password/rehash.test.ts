import t from 'tap'
import { ConfigError } from '../../../src/model/config-error.js'
import { Password } from '../../../src/model/password.js'
import {
  createPasswordVerifier,
  type PasswordVerifierOptions,
} from '../../../src/password/create-password-verifier.js'
import { generatePassword } from '../../../src/password/generate-password.js'

function rehashTo(scheme: 'SHA512-CRYPT' | 'ARGON2ID', options: PasswordVerifierOptions = {}) {
  const verifier = createPasswordVerifier({
    auth_hash_workers: 1,
    // Time enough on a busy machine.
    auth_hash_timeout: 30_000,
    auth_hash_max_wait: 30_000,
    auth_allow_weak_schemes: true,
    password_rehash: scheme,
    ...options,
  })
  const { rehash } = verifier
  if (!rehash) throw new Error('password_rehash is off')
  return { verifier, rehash }
}

const made = async (scheme: string, password = 'secret', rounds = 0) => {
  const result = await generatePassword(scheme, new Password(password), {
    user: 'anna',
    ...(rounds && { rounds }),
  })
  if ('refused' in result) throw new Error(result.refused)
  return result.stored
}

t.test('it is off unless it is asked for', async t => {
  t.equal(createPasswordVerifier().rehash, undefined)
})

t.test('which hashes a new SHA512-CRYPT is better than', async t => {
  const { rehash } = rehashTo('SHA512-CRYPT')
  const cases: [boolean, string, number?][] = [
    [true, 'MD5-CRYPT'],
    [true, 'PLAIN-MD5'],
    [true, 'LDAP-MD5'],
    [true, 'DES-CRYPT'],
    [true, 'SMD5'],
    [true, 'SHA1'],
    [true, 'SSHA'],
    [true, 'SSHA512'],
    [true, 'SSHA512.HEX'],
    [true, 'SHA512-CRYPT', 4999],
    [false, 'SHA512-CRYPT'],
    [false, 'SHA512-CRYPT', 5001],
    [true, 'SHA256-CRYPT'],
    [false, 'SHA256-CRYPT', 5001],
    [true, 'PBKDF2', 1000],
    [false, 'BLF-CRYPT', 4],
    [false, 'ARGON2ID'],
    [false, 'ARGON2I'],
  ]
  for (const [expected, scheme, rounds] of cases) {
    const stored = await made(scheme, 'secret', rounds)
    t.equal(rehash.isWeaker(stored, new Password('secret')), expected, `${scheme} ${rounds ?? ''}`)
  }
})

t.test('what fills memory as a new ARGON2ID does stays', async t => {
  const { rehash } = rehashTo('ARGON2ID')
  const yescrypt = '{CRYPT}$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2'
  t.equal(rehash?.isWeaker(yescrypt, new Password('secret')), false)
})

t.test('which hashes a new ARGON2ID is better than', async t => {
  const { rehash } = rehashTo('ARGON2ID')
  const cases: [boolean, string, number?][] = [
    [true, 'SHA1'],
    [true, 'SHA512-CRYPT'],
    [true, 'BLF-CRYPT', 5],
    [true, 'ARGON2I', 3],
    [false, 'ARGON2ID'],
    [false, 'ARGON2ID', 3],
  ]
  for (const [expected, scheme, rounds] of cases) {
    const stored = await made(scheme, 'secret', rounds)
    t.equal(rehash.isWeaker(stored, new Password('secret')), expected, `${scheme} ${rounds ?? ''}`)
  }
})

t.test(
  'what is in clear, what other mechanisms need, what is locked and what cannot be read stay',
  async t => {
    const { rehash } = rehashTo('ARGON2ID')
    const schemes = ['PLAIN', 'CLEAR', 'CLEARTEXT', 'PLAIN.B64', 'CRAM-MD5', 'HMAC-MD5', 'DIGEST-MD5']
    for (const scheme of [...schemes, 'SCRAM-SHA-1', 'SCRAM-SHA-256']) {
      t.equal(rehash.isWeaker(await made(scheme), new Password('secret')), false, scheme)
    }
    for (const stored of [
      '{PLAIN-TRUNC}6-secret',
      '{CRYPT}',
      '{CRYPT}!',
      '{CRYPT}$6$cut',
      '{NONE-SUCH}x',
      'x',
      '',
    ]) {
      t.equal(rehash.isWeaker(stored, new Password('secret')), false, stored)
    }
  },
)

t.test('a password stays of which the old hash did not hold all, or the new one would not', async t => {
  const { rehash } = rehashTo('SHA512-CRYPT')
  const weaker = async (scheme: string, password: string) =>
    rehash.isWeaker(await made(scheme, password), new Password(password))
  t.equal(await weaker('DES-CRYPT', '12345678'), true)
  t.equal(await weaker('DES-CRYPT', '123456789'), false)
  t.equal(await weaker('DES-CRYPT', 'pä'), false)
  t.equal(await weaker('SSHA', 'x'.repeat(511)), true)
  t.equal(await weaker('SSHA', 'x'.repeat(512)), false)
  const argon = rehashTo('ARGON2ID').rehash
  const bcrypt = async (password: string) =>
    argon.isWeaker(await made('BLF-CRYPT', password, 4), new Password(password))
  t.equal(await bcrypt('x'.repeat(72)), true)
  t.equal(await bcrypt('x'.repeat(73)), false)
})

for (const scheme of ['SHA512-CRYPT', 'ARGON2ID'] as const) {
  t.test(`a new ${scheme} opens by its password, and is weak no more`, async t => {
    const { verifier, rehash } = rehashTo(scheme)
    t.teardown(() => verifier.close())
    for (const text of ['secret', '', 'pässwörd 𝕏', 'x'.repeat(511)]) {
      const password = new Password(text)
      const hash = await rehash.make(password, { user: 'anna' })
      if (!('stored' in hash)) throw new Error(JSON.stringify(hash))
      t.match(hash.stored, new RegExp(`^\\{${scheme}\\}\\$`))
      t.same(await verifier.verify(hash.stored, password, { user: 'anna' }), { verdict: 'match' })
      t.equal(rehash.isWeaker(hash.stored, password), false)
    }
  })
}

t.test('its rounds can be chosen, within what a login would take', async t => {
  const { verifier, rehash } = rehashTo('SHA512-CRYPT', { password_rehash_rounds: 7000 })
  t.teardown(() => verifier.close())
  const hash = await rehash.make(new Password('secret'), { user: 'anna' })
  t.match(hash, { stored: /^\{SHA512-CRYPT\}\$6\$rounds=7000\$/ })
  t.throws(() => rehashTo('SHA512-CRYPT', { password_rehash_rounds: 2_000_000 }), ConfigError)
  t.throws(() => rehashTo('ARGON2ID', { password_rehash_rounds: 100 }), ConfigError)
  t.throws(() => rehashTo('ARGON2ID', { auth_hash_memory_limit: 1024 }), ConfigError)
})

t.test('while logins need the threads it is busy, at once', async t => {
  const { verifier, rehash } = rehashTo('SHA512-CRYPT')
  const stored = await made('SHA512-CRYPT', 'secret', 20_000)
  await verifier.warmUp()
  const logins = ['secret', 'wrong', 'other'].map(text =>
    verifier.verify(stored, new Password(text), { user: 'anna' }),
  )
  t.same(await rehash.make(new Password('secret'), { user: 'bob' }), { busy: true })
  await Promise.all(logins)
  t.match(await rehash.make(new Password('secret'), { user: 'bob' }), { stored: String })
  await verifier.close()
  t.match(await rehash.make(new Password('secret'), { user: 'bob' }), { refused: 'the service is stopping' })
})

t.test('a password of which a hash has not read every bit is not hashed anew', async t => {
  const { rehash, verifier } = rehashTo('SHA512-CRYPT')
  t.teardown(() => verifier.close())
  const right = Buffer.from('secret')
  const alike = right.map(byte => byte | 0x80) as Buffer
  // Both are DES behind crypt(3), which leaves the highest bit of each byte out.
  for (const stored of ['{CRYPT}_J9..saltLXKE4peqNCg', await made('DES-CRYPT')]) {
    for (const password of [right, alike]) {
      const verdict = await verifier.verify(stored, new Password(password), { user: 'anna' })
      t.strictSame(verdict, { verdict: 'match' }, stored)
    }
    t.equal(rehash.isWeaker(stored, new Password(right)), true, stored)
    t.equal(rehash.isWeaker(stored, new Password(alike)), false, stored)
  }
})
