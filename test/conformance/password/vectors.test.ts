// Every stored password that a real Dovecot made is verified as Dovecot verifies it.

import t from 'tap'
import { Password } from '../../../src/model/password.js'
import { createPasswordVerifier } from '../../../src/password/create-password-verifier.js'
import type { PasswordVerdict } from '../../../src/password/password-verifier.js'
import { type PasswordVector, readVectors } from './vectors.js'

const { user, vectors } = readVectors()

/** What differs from `match`, and why. */
function expectation({ scheme, stored }: PasswordVector): PasswordVerdict['verdict'] {
  // doveadm pw does not write the length that its own verification wants.
  if (scheme === 'PLAIN-TRUNC') return 'malformed'
  // crypt(3) refused the password of 512 bytes, and doveadm pw printed its refusal.
  if (stored.endsWith('}*0')) return 'mismatch'
  return 'match'
}

/** Differs in the first byte, since some schemes do not look further than the eighth or the 72nd. */
const wrong = (password: string) => `!${password}`

const bySchemes = groupBy(vectors)

function groupBy(all: readonly PasswordVector[]): Map<string, PasswordVector[]> {
  const groups = new Map<string, PasswordVector[]>()
  for (const vector of all) groups.set(vector.scheme, [...(groups.get(vector.scheme) ?? []), vector])
  return groups
}

const verifier = createPasswordVerifier({
  auth_allow_weak_schemes: true,
  auth_hash_timeout: 120_000,
  auth_hash_max_wait: 120_000,
})
t.teardown(() => verifier.close())
const verdictOf = async (stored: string, password: string) =>
  (await verifier.verify(stored, new Password(password), { user })).verdict

for (const [scheme, group] of bySchemes) {
  t.test(`${scheme} made by Dovecot matches its password and no other`, async t => {
    const verdicts = await Promise.all(
      group.map(async vector => {
        const right = await verdictOf(vector.stored, vector.password)
        const other = await verdictOf(vector.stored, wrong(vector.password))
        return { vector, right, other }
      }),
    )
    for (const { vector, right, other } of verdicts) {
      const name = `${vector.origin}: ${vector.passwordName}${vector.rounds ? `, ${vector.rounds} rounds` : ''}`
      const expected = expectation(vector)
      t.equal(right, expected, name)
      t.equal(other, expected === 'match' ? 'mismatch' : expected, `${name}, another password`)
    }
  })
}
