// A stored password that cannot be compared: its user hears of no wrong password, the log has an error that names the
// user, and others are served as before.

import t from 'tap'
import { startHoming } from './homing.js'

const whole =
  '$6$rounds=1000$0123456789abcdef$mcCDk6dNL5N0ijt8G9cMeU.2SLHUPRvQks/S0b3xWPKwxC/ouwbeCpt1WQloVhjazWF95X44lzjAj904IpNm1/'
const yescrypt = '$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2'
const argon2 =
  '{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

const FAILED = { status: 503, result: 'internal_failure' }
const bad: Readonly<Record<string, { stored: string; answer: object; reason: string }>> = {
  'too-many-rounds': {
    stored: `{SHA512-CRYPT}${whole.replace('1000', '999999999')}`,
    answer: FAILED,
    reason: 'auth_hash_max_rounds',
  },
  'bcrypt-31': {
    stored: '{BLF-CRYPT}$2y$31$abcdefghijklmnopqrstuuQJgmAl8AvBvnTFIjKpTZRYSrYIPVH2S',
    answer: FAILED,
    reason: 'auth_hash_max_bcrypt_cost',
  },
  'argon2-4g': {
    stored: argon2.replace('65536', '4194304'),
    answer: FAILED,
    reason: 'auth_hash_memory_limit',
  },
  'argon2-million': {
    stored: argon2.replace('t=3', 't=1000000'),
    answer: FAILED,
    reason: 'auth_hash_max_passes',
  },
  'scrypt-2-30': {
    stored: `{CRYPT}$7$SU..../....salt$${'x'.repeat(43)}`,
    answer: FAILED,
    reason: 'auth_hash_memory_limit',
  },
  'yescrypt-cut': { stored: `{CRYPT}${yescrypt.slice(0, -1)}`, answer: FAILED, reason: 'cut or damaged' },
  'sha512-of-20': { stored: '{SHA512}qUqP5cyxm6YcTAhz05Hph5gvu9M=', answer: FAILED, reason: 'instead of 64' },
  weak: {
    stored: '{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69',
    answer: FAILED,
    reason: 'auth_allow_weak_schemes',
  },
  'no-such': {
    stored: '{NO-SUCH}secret',
    answer: { status: 200, result: 'scheme_not_available' },
    reason: 'NO-SUCH',
  },
}

t.test('what cannot be compared is an alarm and no wrong password', async t => {
  const homing = await startHoming()
  t.teardown(() => homing.close())
  const row = { home: '/var/vmail/x', uid: 5000, gid: 5000 }
  await homing.addAccounts({
    localUsers: [
      ...Object.entries(bad).map(([name, { stored }]) => ({
        ...row,
        username: `${name}@alarm.test`,
        password: stored,
      })),
      { ...row, username: 'anna@alarm.test', password: `{SHA512-CRYPT}${whole}` },
      { ...row, username: 'debian@alarm.test', password: `{CRYPT}${yescrypt}` },
    ],
  })
  const verify = async (name: string) => {
    const response = await fetch(`${homing.url}/v1/passdb/verify`, {
      method: 'POST',
      headers: { authorization: `Bearer ${homing.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ user: `${name}@alarm.test`, password: 'secret', protocol: 'imap' }),
    })
    return { status: response.status, ...((await response.json()) as { result: string }) }
  }
  for (const [name, { answer }] of Object.entries(bad)) {
    t.match(await verify(name), answer, name)
    t.match(await verify('anna'), { status: 200, result: 'ok' }, `after ${name}`)
  }
  for (const [name, { reason }] of Object.entries(bad))
    await homing.waitForLog('"level":"error"', `${name}@alarm.test`, reason)
  t.match(await verify('debian'), { status: 200, result: 'ok' }, 'yescrypt is asked of crypt(3)')
  const log = await homing.log()
  for (const { stored } of Object.values(bad))
    t.notOk(log.includes(stored.slice(-20)), 'no hash is in the log')
})
