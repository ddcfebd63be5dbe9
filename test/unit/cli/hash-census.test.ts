import t from 'tap'
import { HashCensus, WeakestAccounts } from '../../../src/cli/hash-census.js'
import { type HashStrength, strengthOf } from '../../../src/password/hash-strength.js'

const limits = { maxRounds: 1e9, maxBcryptCost: 31, maxPasses: 1e6, memoryBytes: 2 ** 40 }
const read = (stored: string): HashStrength => {
  const strength = strengthOf(stored, limits)
  if (strength.kind === 'refused') throw new Error(strength.reason)
  return strength
}
const sha512 = (rounds: number) => read(`{CRYPT}$6$rounds=${rounds}$salt$${'.'.repeat(86)}`)
const bcrypt = (cost: string) => read(`{BLF-CRYPT}$2y$${cost}$${'.'.repeat(53)}`)
const argon2 = (cost: string) =>
  read(`{ARGON2ID}$argon2id$v=19$${cost}$AAAAAAAAAAAAAAAAAAAAAA$${'A'.repeat(43)}`)

t.test('from the weakest to the hardest', async t => {
  const hardest = [
    read('{CLEARTEXT}x'),
    read(`{SHA}${Buffer.alloc(20).toString('base64')}`),
    read(`{SSHA}${Buffer.alloc(24).toString('base64')}`),
    read(`{CRYPT}$1$salt$${'.'.repeat(22)}`),
    sha512(1000),
    sha512(5000),
    bcrypt('05'),
    bcrypt('10'),
    argon2('m=65536,t=2,p=1'),
    argon2('m=65536,t=3,p=1'),
    read('{CRYPT}!'),
  ]
  const weakest = new WeakestAccounts(20)
  const census = new HashCensus()
  for (const [at, strength] of [...hardest.entries()].reverse()) {
    weakest.see('t', `user${at}`, strength)
    census.count('', strength)
  }
  const names = [
    'PLAIN ',
    'SHA1 ',
    'SSHA ',
    'MD5-CRYPT ',
    'SHA512-CRYPT rounds=1000',
    'SHA512-CRYPT rounds=5000',
    'BLF-CRYPT cost=5',
    'BLF-CRYPT cost=10',
    'ARGON2ID m=65536,t=2,p=1',
    'ARGON2ID m=65536,t=3,p=1',
    'CRYPT locked',
  ]
  t.same(
    weakest.accounts.map(({ scheme, cost }) => `${scheme} ${cost}`),
    names,
  )
  t.same(
    census.kinds.map(({ scheme, cost }) => `${scheme} ${cost}`),
    names,
  )
})

t.test('only so many are kept, of equals those that were first', async t => {
  const weakest = new WeakestAccounts(3)
  for (let user = 0; user < 1000; user++) weakest.see('t', `user${user}`, sha512(user === 500 ? 1000 : 2000))
  t.same(
    weakest.accounts.map(({ user }) => user),
    ['user500', 'user0', 'user1'],
  )
  const none = new WeakestAccounts(0)
  none.see('t', 'anna', sha512(1000))
  t.same(none.accounts, [])
})

t.test('accounts are counted by domain', async t => {
  const census = new HashCensus()
  for (let account = 0; account < 10; account++) census.count(account < 3 ? 'b' : 'a', sha512(1000))
  census.count('a', 'no password')
  census.count('a', 'unreadable')
  t.same(
    census.kinds.map(({ domain, scheme, accounts }) => [domain, scheme, accounts]),
    [
      ['a', 'SHA512-CRYPT', 7],
      ['a', 'no password', 1],
      ['a', 'unreadable', 1],
      ['b', 'SHA512-CRYPT', 3],
    ],
  )
})
