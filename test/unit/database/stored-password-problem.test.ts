import t from 'tap'
import { storedPasswordProblem } from '../../../src/database/stored-password-problem.js'

const base64 = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64')
const hex = (bytes: number) => Buffer.alloc(bytes, 7).toString('hex')
const sha512crypt = `$6$0123456789abcdef$${'x'.repeat(86)}`

const fine = [
  '',
  '{PLAIN}anything',
  `{PLAIN}${'x'.repeat(57)}`,
  'x'.repeat(64),
  `{SHA512-CRYPT}${sha512crypt}`,
  `{SHA512-CRYPT}$6$rounds=10000$salt$${'x'.repeat(86)}`,
  sha512crypt,
  `{CRYPT}${sha512crypt}`,
  `{SHA256-CRYPT}$5$salt$${'x'.repeat(43)}`,
  `{MD5-CRYPT}$1$salt$${'x'.repeat(22)}`,
  `$2y$10$${'x'.repeat(53)}`,
  `{BLF-CRYPT}$2y$10$${'x'.repeat(53)}`,
  `{SHA512}${base64(64)}`,
  `{SHA512}${base64(64).replace(/=+$/, '')}`,
  `{SHA512.hex}${hex(64)}`,
  `{SHA512}${hex(64)}`,
  `{SHA512.b64}${base64(64)}`,
  `{SHA}${base64(20)}`,
  `{SHA1}${base64(20)}`,
  `{SHA256}${base64(32)}`,
  `{SSHA256}${base64(36)}`,
  `{SSHA512}${base64(72)}`,
  `{SSHA}${base64(24)}`,
  `{PLAIN-MD5}${hex(16)}`,
  `{LDAP-MD5}${base64(16)}`,
  `{SMD5}${base64(20)}`,
  '{UNKNOWN}whatever',
  '{constructor}whatever',
]
for (const stored of fine) t.equal(storedPasswordProblem(stored), undefined, stored.slice(0, 40))

const cut = [
  ...[60, 64].map(length => `{SHA512-CRYPT}${sha512crypt}`.slice(0, length)),
  sha512crypt.slice(0, 64),
  sha512crypt.slice(0, 60),
  `{SHA256-CRYPT}$5$0123456789abcdef$${'x'.repeat(43)}`.slice(0, 64),
  `{BLF-CRYPT}$2y$10$${'x'.repeat(53)}`.slice(0, 64),
  `{SSHA512}${base64(72)}`.slice(0, 64),
  `{SHA512}${base64(64)}`.slice(0, 60),
  `{SSHA256}${base64(40)}`.slice(0, 64),
  `{SHA512-CRYPT}${sha512crypt}`.slice(0, 100),
  '{SHA512-CRYPT}$6$salt$hash...',
  '{SHA512-CRY',
]
for (const stored of cut) t.equal(storedPasswordProblem(stored), 'password-cut-off', stored.slice(0, 40))

const wrongLength = [
  '{SHA512}nU4eI71bcnBGqeO0t9tXvY1u5oQ=',
  '{SHA512}i+UhJqb95FCnFio2UdWJu1HpV50=',
  `{SHA256}${base64(20)}`,
  `{SHA}${base64(32)}`,
  `{SSHA}${base64(20)}`,
]
for (const stored of wrongLength) t.equal(storedPasswordProblem(stored), 'password-wrong-length', stored)
