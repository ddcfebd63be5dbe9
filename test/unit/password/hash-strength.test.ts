import t from 'tap'
import { Password } from '../../../src/model/password.js'
import { generatePassword } from '../../../src/password/generate-password.js'
import { tooFastToGuess } from '../../../src/password/hash-strength.js'

async function made(scheme: string): Promise<string> {
  const made = await generatePassword(scheme, new Password('secret'), { user: 'admin' })
  return 'stored' in made ? made.stored : `{${scheme}}not made: ${made.refused}`
}

t.test('what can be tried by the million is too fast for a master user', async t => {
  for (const scheme of [
    'PLAIN',
    'SHA1',
    'SHA256',
    'SHA512',
    'SSHA',
    'SSHA256',
    'SSHA512',
    'SMD5',
    'LDAP-MD5',
  ])
    t.match(tooFastToGuess(await made(scheme)), /is too fast to guess/, scheme)
  for (const scheme of ['PLAIN-MD4', 'PLAIN-MD5', 'CRAM-MD5', 'DIGEST-MD5', 'MD5-CRYPT'])
    t.match(tooFastToGuess(await made(scheme)), /is too fast to guess/, scheme)
  t.match(tooFastToGuess('{DES-CRYPT}bNKTvpEKvB8ak'), /is too fast to guess/)
  t.match(tooFastToGuess('{CRYPT}$1$abc$BXBqpb9BZcZhXLgbee.0s/'), /is too fast to guess/)
})

t.test('what costs for each try is not', async t => {
  for (const scheme of ['SHA256-CRYPT', 'SHA512-CRYPT', 'BLF-CRYPT', 'ARGON2I', 'ARGON2ID', 'PBKDF2'])
    t.equal(tooFastToGuess(await made(scheme)), undefined, scheme)
})

t.test('what cannot be read is named, without what is in it', async t => {
  t.type(tooFastToGuess('{SHA512}nU4eI71bcnBGqeO0t9tXvY1u5oQ='), 'string')
  t.type(tooFastToGuess('{ROT13}frperg'), 'string')
  t.notMatch(tooFastToGuess('{ROT13}frperg'), 'frperg')
})
