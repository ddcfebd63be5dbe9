import t from 'tap'
import { Password } from '../../../src/model/password.js'
import { type GeneratePasswordOptions, generatePassword } from '../../../src/password/generate-password.js'

const zeros = { randomBytes: (size: number) => Buffer.alloc(size) }

const make = (scheme: string, options: GeneratePasswordOptions = {}) =>
  generatePassword(scheme, new Password('secret'), { ...zeros, ...options })

t.test('a new value has the scheme and the encoding that were asked for', async t => {
  t.strictSame(await make('plain'), { stored: '{PLAIN}secret' })
  t.strictSame(await make('PLAIN.HEX'), { stored: '{PLAIN.HEX}736563726574' })
  t.strictSame(await make('SHA1'), { stored: '{SHA1}5en6G6MezRroT3XKqkdPOmY/BfQ=' })
  t.strictSame(await make('sha1.hex'), { stored: '{SHA1.HEX}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4' })
})

t.test(
  'rounds are brought within what crypt(3) takes, and left out when they are the usual 5000',
  async t => {
    t.match(await make('SHA512-CRYPT'), { stored: /^\{SHA512-CRYPT\}\$6\$\.{16}\$.{86}$/ })
    t.match(await make('SHA512-CRYPT', { rounds: 5000 }), { stored: /\}\$6\$\.{16}\$/ })
    t.match(await make('SHA512-CRYPT', { rounds: 10 }), { stored: /\}\$6\$rounds=1000\$\.{16}\$/ })
    t.match(await make('SHA256-CRYPT', { rounds: 1234 }), { stored: /\}\$5\$rounds=1234\$\.{16}\$.{43}$/ })
  },
)

t.test('every new value has a salt of its own', async t => {
  const [first, second] = await Promise.all(
    ['SSHA512', 'SSHA512'].map(scheme => generatePassword(scheme, new Password('secret'))),
  )
  t.notSame(first, second)
})

t.test('the caller says where slow hashes are computed', async t => {
  const made = await make('SHA512-CRYPT', { compute: async () => ({ digest: Buffer.alloc(64) }) })
  t.strictSame(made, { stored: `{SHA512-CRYPT}$6$${'.'.repeat(16)}$${'.'.repeat(86)}` })
})

t.test('what is not computed in time is refused for this time', async t => {
  const busy = await make('SHA512-CRYPT', { compute: async () => ({ unavailable: 'too many wait' }) })
  t.strictSame(busy, { refused: 'too many wait', isBusy: true })
  const never = await make('ARGON2ID', { compute: async () => ({ notAvailable: 'no build' }) })
  t.strictSame(never, { refused: 'no build' })
})

t.test('what cannot be made is refused with the reason', async t => {
  t.strictSame(await make('NO-SUCH'), { refused: 'unknown password scheme NO-SUCH' })
  t.strictSame(await make('toString'), { refused: 'unknown password scheme toString' })
  t.strictSame(await make('SHA1.ROT13'), { refused: 'unknown password scheme SHA1.ROT13' })
  t.strictSame(await make('PLAIN-TRUNC'), { refused: 'no new passwords are made with PLAIN-TRUNC' })
  t.strictSame(await make('DIGEST-MD5'), { refused: 'DIGEST-MD5 needs the user name' })
})

t.test('no value is made that its password would not open', async t => {
  const of = (scheme: string, password: string | Buffer) => generatePassword(scheme, new Password(password))
  for (const scheme of ['SHA512-CRYPT', 'SHA256-CRYPT', 'DES-CRYPT']) {
    for (const length of [512, 600, 5000]) {
      t.strictSame(await of(scheme, 'a'.repeat(length)), {
        refused: `${scheme} takes no password of more than 511 bytes`,
      })
    }
    t.match(await of(scheme, 'a'.repeat(511)), { stored: `{${scheme}}` })
  }
  for (const scheme of ['SHA512-CRYPT', 'PLAIN.B64', 'SSHA']) {
    for (const character of ['\0', '\x01', '\t', '\r', '\n']) {
      t.strictSame(await of(scheme, `a${character}b`), {
        refused: 'no login can have a password with a tab, a line break, a NUL or a CTRL-A in it',
      })
    }
  }
  const latin1 = Buffer.from('caf\xe9', 'latin1')
  t.strictSame(await of('PLAIN', latin1), {
    refused: 'PLAIN keeps the password as text, and this one is not UTF-8: take PLAIN.B64',
  })
  t.strictSame(await of('PLAIN.B64', latin1), { stored: '{PLAIN.B64}Y2Fm6Q==' })
})
