// Random settings and passwords are to Homing what they are to this machine's crypt(3).

import { spawnSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { Password } from '../../../src/model/password.js'
import { createPasswordVerifier } from '../../../src/password/create-password-verifier.js'
import { findDoveadm } from './doveadm.js'

interface Case {
  readonly password: Buffer
  readonly setting: string
}

const many = (make: () => Case): Case[] => Array.from({ length: 60 }, make)

/** Reads lines of hex password and setting, writes crypt(3)'s answers. */
const program = `while (<STDIN>) { chomp; my ($p, $s) = split / /; print crypt(pack("H*", $p), $s) // "*0", "\\n" }`

/** crypt(3) through perl; undefined where there is no perl, or no libxcrypt behind it. */
function cryptAll(cases: readonly Case[]): string[] | undefined {
  const input = cases.map(({ password, setting }) => `${password.toString('hex')} ${setting}\n`).join('')
  const { status, stdout } = spawnSync('perl', ['-e', program], { input, encoding: 'utf8' })
  return status === 0 ? stdout.trimEnd().split('\n') : undefined
}

const saltAlphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"#%&()+,-<=>?@[]^_`{|}~'

const salt = (length: number, from = saltAlphabet.length) =>
  Array.from({ length }, () => saltAlphabet.charAt(randomInt(from))).join('')

/** Any bytes but NUL, which ends a C string. */
const password = () => randomBytes(randomInt(randomInt(2) === 0 ? 24 : 300)).map(byte => byte || 1) as Buffer

/** What bcrypt's package is given. */
const textPassword = () => Buffer.from('Grüße, 密码 €$%{}'.repeat(8).slice(randomInt(8), 9 + randomInt(80)))

const bcryptSetting = () =>
  `$2${'abxy'.charAt(randomInt(4))}$0${4 + randomInt(2)}$${salt(21, 64)}${'.Oeu'.charAt(randomInt(4))}`

/** Quick ones: what the numbers say is how crypt(3) takes them. */
const platformSettings: readonly (() => string)[] = [
  () => `$y$j${'57'.charAt(randomInt(2))}${'./5T'.charAt(randomInt(4))}$${salt(4 * randomInt(5), 64)}$`,
  () => `$y$j75${['.0', '/0', '00.'][randomInt(3)]}$${salt(8, 64)}$`,
  () => `$gy$j75$${salt(8, 64)}$`,
  () => `$7$8${'/0123'[randomInt(5)]}..../....${salt(randomInt(1, 20), 64)}$`,
  () => `$sha1$${1 + randomInt(500)}$${salt(1 + randomInt(20), 64)}$`,
  () => `$md5${randomInt(2) ? `,rounds=${1 + randomInt(200)}` : ''}$${salt(8, 64)}$`,
  () => `_${salt(1, 64)}/..${salt(4, 64)}`,
  () => '$3$$',
]

const settings: readonly (() => string)[] = [
  () => `$6$rounds=${1000 + randomInt(100)}$${salt(randomInt(17))}$`,
  () => `$5$rounds=${1000 + randomInt(100)}$${salt(randomInt(17))}$`,
  () => `$6$${salt(16)}$`,
  () => `$1$${salt(randomInt(9))}$`,
  () => saltAlphabet.charAt(randomInt(64)) + saltAlphabet.charAt(randomInt(64)),
]

const verifier = createPasswordVerifier({
  auth_allow_weak_schemes: true,
  auth_hash_timeout: 120_000,
  auth_hash_max_wait: 120_000,
})
t.teardown(() => verifier.close())
const ask = async (stored: string, bytes: Buffer) =>
  (await verifier.verify(`{CRYPT}${stored}`, new Password(bytes), { user: 'anna' })).verdict

t.test('what crypt(3) computes of random passwords matches, and matches no other', async t => {
  const cases = [
    ...settings.flatMap(setting => many(() => ({ password: password(), setting: setting() }))),
    ...many(() => ({ password: textPassword(), setting: bcryptSetting() })),
    ...many(() => ({ password: password(), setting: bcryptSetting() })),
    ...platformSettings.flatMap(setting => many(() => ({ password: password(), setting: setting() }))),
  ]
  const hashes = cryptAll(cases)
  if (!hashes) {
    const reason = 'perl is missing: its crypt() would be asked'
    if (/\ball\b/.test(process.env.REQUIRE ?? '')) t.fail(reason)
    else t.plan(0, reason)
    return
  }
  const verdicts = await Promise.all(
    cases.map(async ({ password }, i) => {
      const stored = hashes[i] ?? ''
      const other = Buffer.concat([Buffer.from('!'), password])
      return { stored, verdicts: [await ask(stored, password), await ask(stored, other)] }
    }),
  )
  for (const { stored, verdicts: both } of verdicts) t.strictSame(both, ['match', 'mismatch'], stored)
})

for (const version of ['2.3', '2.4'] as const) {
  t.test(`Dovecot ${version} says the same of methods and bytes that take crypt(3)`, async t => {
    const doveadm = findDoveadm(t, version)
    if (!doveadm) return
    const settings = [...platformSettings, bcryptSetting, bcryptSetting, bcryptSetting]
    const cases = settings.map(setting => ({ password: password(), setting: setting() }))
    for (const [i, stored] of (cryptAll(cases) ?? []).entries()) {
      const right = cases[i]?.password ?? Buffer.alloc(0)
      const wrong = Buffer.concat([Buffer.from('!'), right])
      const ours = [await ask(stored, right), await ask(stored, wrong)]
      const theirs = [right, wrong].map(bytes => doveadm.verifyBytes(`{CRYPT}${stored}`, bytes))
      t.strictSame(theirs, ['match', 'mismatch'], `${stored}, Dovecot`)
      t.strictSame(ours, theirs, stored)
    }
  })
}
