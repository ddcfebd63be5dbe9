// Twelve bits are few: what looks like one password repeated may be thousands of guesses.

import t from 'tap'
import { Password } from '../../../src/model/password.js'
import { policyHash } from '../../../src/policy/password-hash.js'
import { attemptOf, openSite, type Site } from './simulation.js'

const rules = { nonce: 'localized_random_string', mech: 'sha256', truncateBits: 12 }
const HOUR_MS = 3_600_000
const MOST_TRIES = 100

async function guess(site: Site, user: string, from: string, password: string): Promise<boolean> {
  const pwhash = policyHash(rules, user, new Password(password))
  const attempt = { ...attemptOf(user, from, ''), pwhash }
  if ((await site.policy.allow(attempt)).status < 0) return false
  await site.policy.report({ ...attempt, success: false, policyReject: false, failType: 'credentials' })
  return true
}

for (const perHour of [1000, 10_000, 100_000]) {
  t.test(`one address guesses one user's password ${perHour} times an hour`, async t => {
    const site = openSite()
    for (let hour = 0; hour < (perHour > 10_000 ? 1 : 3); hour++) {
      let reached = 0
      for (let n = 0; n < perHour; n++) {
        if (await guess(site, 'anna', '203.0.113.7', `${hour} ${n}`)) reached++
        site.pass(HOUR_MS / perHour)
      }
      t.ok(reached <= MOST_TRIES, `${reached} of ${perHour} reached the account in hour ${hour}`)
    }
  })
}

t.test('guesses from a network where the user is known and from everywhere else share one bound', async t => {
  const site = openSite()
  await site.logIn({ user: 'anna', from: '192.0.2.1', password: 'right' })
  let reached = 0
  for (let n = 0; n < 20_000; n++) {
    const from = n % 2 ? `192.0.2.${n % 250}` : `203.${(n >> 8) & 255}.${n & 255}.1`
    if (await guess(site, 'anna', from, `guess ${n}`)) reached++
    site.pass(HOUR_MS / 20_001)
  }
  t.ok(reached <= MOST_TRIES, `${reached} reached the account`)
})

t.test('by a mechanism without a password to compare, each failure counts', async t => {
  const site = openSite()
  const challenge = (n: number, user = 'anna') => ({
    ...attemptOf(user, '203.0.113.7', ''),
    session: `session ${n}`,
    mechanism: 'SCRAM-SHA-256',
  })
  let reached = 0
  for (let n = 0; n < 10_000; n++) {
    const attempt = challenge(n)
    if ((await site.policy.allow(attempt)).status < 0) continue
    reached++
    // A connection may guess several times.
    for (const _ of [1, 2]) {
      await site.policy.report({ ...attempt, success: false, policyReject: false, failType: '' })
    }
  }
  t.ok(reached <= 40, `${reached} connections reached the account`)
  const password = await site.logIn({ user: 'anna', from: '198.51.100.1', password: 'right' })
  t.equal(password, 'in', 'who has a password is not kept out by that')

  for (let n = 0; n < 200; n++) {
    const attempt = challenge(n, 'bert')
    t.equal((await site.policy.allow(attempt)).status, 0)
    await site.policy.report({ ...attempt, success: true, policyReject: false, failType: '' })
  }
})

t.test(
  'at home too each failure without a password to compare counts, and only against such logins',
  async t => {
    for (const hidden of [{ mechanism: 'SCRAM-SHA-256' }, { pwhash: '' }]) {
      const site = openSite()
      await site.logIn({ user: 'anna', from: '192.0.2.1', password: 'right' })
      let reached = 0
      // A stale phone, every 5 s for an hour.
      for (let n = 0; n < 720; n++) {
        const attempt = { ...attemptOf('anna', '192.0.2.77', ''), session: `session ${n}`, ...hidden }
        if ((await site.policy.allow(attempt)).status >= 0) {
          reached++
          await site.policy.report({ ...attempt, success: false, policyReject: false, failType: '' })
        }
        site.pass(4990)
      }
      t.ok(reached <= MOST_TRIES, `${reached} reached the account`)
      t.equal(await site.logIn({ user: 'anna', from: '192.0.2.1', password: 'slip' }), 'wrong')
      t.equal(await site.logIn({ user: 'anna', from: '192.0.2.1', password: 'right' }), 'in')
    }
  },
)

t.test('networks where a user is known share one bound, and none keeps the user out in another', async t => {
  const site = openSite()
  const homes = [0, 1, 2, 3, 4, 5]
  for (const home of homes) await site.logIn({ user: 'anna', from: `192.0.${home}.1`, password: 'right' })
  let reached = 0
  for (const home of homes.slice(1)) {
    for (let n = 0; n < 200; n++) {
      const attempt = {
        ...attemptOf('anna', `192.0.${home}.77`, `guess ${home} ${n}`),
        ...(n % 2 && { session: `${home} ${n}`, mechanism: 'CRAM-MD5' }),
      }
      if ((await site.policy.allow(attempt)).status < 0) continue
      reached++
      await site.policy.report({ ...attempt, success: false, policyReject: false, failType: 'credentials' })
    }
  }
  for (const password of ['last year', 'slip', 'right']) {
    t.not(await site.logIn({ user: 'anna', from: '192.0.0.1', password }), 'refused', password)
  }
  for (let n = 0; n < 200; n++) {
    if ((await site.logIn({ user: 'anna', from: '192.0.0.9', password: `guess ${n}` })) !== 'refused')
      reached++
  }
  t.ok(reached <= MOST_TRIES, `${reached} reached the account`)
})

t.test('trouble on our side excuses the login that met it, and no other', async t => {
  const met = new Set<string>()
  const site = openSite({}, { wasTrouble: ({ session = '' }) => met.delete(session) })
  let counted = 0
  for (let n = 0; n < 30; n++) {
    const attempt = { ...attemptOf('anna', `203.0.${n}.7`, `guess ${n}`), session: `s${n}` }
    if (n % 3 === 0) met.add(attempt.session)
    else counted++
    await site.policy.allow(attempt)
    await site.policy.report({ ...attempt, success: false, policyReject: false, failType: '' })
  }
  t.match(await site.policy.counts({ login: 'anna' }), { user_passwords: counted })

  met.add('said')
  const said = { ...attemptOf('bert', '203.0.113.7', 'guess'), session: 'said' }
  await site.policy.report({ ...said, success: false, policyReject: false, failType: 'credentials' })
  t.match(await site.policy.counts({ login: 'bert' }), { user_passwords: 1 }, 'Dovecot 2.4 knows better')
})
