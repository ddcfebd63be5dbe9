import t from 'tap'
import { Password } from '../../../src/model/password.js'
import { policyHash } from '../../../src/policy/password-hash.js'

t.test("a password's hash is Dovecot's", async t => {
  const hash = (truncateBits: number) =>
    policyHash(
      { nonce: 'localized_random_string', mech: 'sha256', truncateBits },
      'user@ex.com',
      new Password(Buffer.from('secret')),
    )
  // Captured from Dovecot 2.3.19; test/system/policy-*.test.ts asks both versions for more.
  t.equal(hash(12), '02ec')
  t.equal(hash(8), '2e')
  t.equal(hash(16), '2ec6')
  t.match(hash(0), /^2ec6e678f67c[0-9a-f]{48}a525$/)
})
