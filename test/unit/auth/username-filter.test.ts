import t from 'tap'
import { acceptsUsername } from '../../../src/auth/username-filter.js'

/** filter, name, accepted: each kind of case that Dovecot's own test has (auth/test-username-filter.c, 2.3.19). */
const cases: readonly (readonly [filter: string, name: string, accepted: boolean])[] = [
  // no filter, or one that takes everything
  ['', '', true],
  ['', 'anna', true],
  ['*', '', true],
  ['*', 'anna', true],
  // one exclusion
  ['!*', '', false],
  ['!*', 'anna', false],
  ['!*@*', '', true],
  ['!*@*', 'anna', true],
  ['!*@*', '@', false],
  ['!*@*', 'anna@example.org', false],
  // one inclusion
  ['*@*', '', false],
  ['*@*', 'anna', false],
  ['*@*', '@', true],
  ['*@*', 'anna@example.org', true],
  // several inclusions: one is enough
  ['*@example.org *@example.net', 'anna@example.org', true],
  ['*@example.org *@example.net', 'anna@example.net', true],
  ['*@example.org *@example.net', 'anna@example.com', false],
  // an exclusion wins wherever it stands
  ['!anna@example.org *@example.org', 'anna@example.org', false],
  ['!anna@example.org *@example.org', 'bert@example.org', true],
  ['*@example.org !anna@example.org !bert@example.org', 'bert@example.org', false],
  ['*@example.org !anna@example.org !bert@example.org', 'carl@example.org', true],
  ['!anna@example.org *@example.org !bert@example.org', 'anna@example.org', false],
  ['!anna@example.org *@example.org !bert@example.org', 'carl@example.org', true],
  // exclusions alone take everybody else
  ['!anna@example.org !bert@example.org', 'bert@example.org', false],
  ['!anna@example.org !bert@example.org', 'bert', true],
  // beyond Dovecot's cases
  ['ann?', 'anna', true],
  ['ann?', 'ann', false],
  ['!', 'anna', true],
  ['!', '', false],
  ['Anna', 'anna', false],
]

for (const [filter, name, accepted] of cases) {
  t.test(`"${filter}" ${accepted ? 'accepts' : 'refuses'} "${name}"`, async t => {
    t.equal(acceptsUsername(filter.split(' ').filter(Boolean), name), accepted)
  })
}
