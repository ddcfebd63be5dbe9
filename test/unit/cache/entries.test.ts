// Bounded by bytes, least recently used out first, digests wiped with whatever leaves.

import t from 'tap'
import { Answers } from '../../../src/cache/answers.js'
import { entryBytes } from '../../../src/cache/entries.js'
import { PasswordDigests } from '../../../src/cache/password-digests.js'
import { Password } from '../../../src/model/password.js'
import { chance } from './random.js'

const VALUE = '["{PLAIN}secret"]'
const perEntry = entryBytes('k0', VALUE)
const key = (user: string, rest = 'P5:local-') => ({ user, rest })
const hour = { ttlMs: 3_600_000, negativeTtlMs: 3_600_000 }
const clock = { now: () => 0, unixSeconds: () => 0 }

/** Room for so many entries of one size in the part of the found users. */
const roomFor = (entries: number) =>
  new Answers({ sizeBytes: Math.ceil((entries * perEntry * 8) / 7), ...hour }, clock)

t.test('the least recently used entry leaves first, and a hit counts as use', async t => {
  const answers = roomFor(3)
  for (const user of ['k1', 'k2', 'k3']) answers.insert(key(user), VALUE, 0, true)
  answers.find(key('k1'))
  answers.insert(key('k4'), VALUE, 0, true)
  t.same([...answers.users()].sort(), ['k1', 'k3', 'k4'])
  t.equal(answers.positive.evictions, 1)
  t.equal(answers.positive.bytes, 3 * perEntry)
})

t.test('an entry bigger than everything is not kept, and nobody leaves for it', async t => {
  const answers = roomFor(3)
  answers.insert(key('k1'), VALUE, 0, true)
  const big = answers.insert(key('k2'), 'x'.repeat(4 * perEntry), 0, true)
  t.equal(big.gone, true)
  t.same([...answers.users()], ['k1'])
})

t.test('invented names evict nobody who exists', async t => {
  const answers = roomFor(100)
  for (let i = 0; i < 100; i++) answers.insert(key(`k${i}`.padEnd(2, '_').slice(0, 2)), VALUE, 0, true)
  const before = answers.positive.size
  for (let i = 0; i < 100_000; i++) answers.insert(key(`nobody${i}`), '', 0, true)
  t.equal(answers.positive.size, before)
  t.ok(answers.negative.bytes <= answers.negative.limitBytes)
  t.ok(answers.negative.evictions > 90_000)
})

t.test('who is found was unknown before, and the other way round: never both', async t => {
  const answers = roomFor(8)
  answers.insert(key('k1'), '', 0, true)
  answers.insert(key('k1'), VALUE, 0, true)
  t.equal(answers.peek(key('k1'))?.value, VALUE)
  t.equal(answers.negative.size, 0)
  answers.insert(key('k1'), '', 0, true)
  t.equal(answers.peek(key('k1'))?.value, '')
  t.equal(answers.positive.size, 0)
})

t.test('all entries of a user are found together, however many, and those of nobody else', async t => {
  const { below } = chance(11)
  const answers = new Answers({ sizeBytes: 1 << 24, ...hour }, clock)
  const model = new Map<string, string>()
  const users = ['anna', 'ben', 'carl']
  let wrong = 0
  for (let step = 0; step < 200_000; step++) {
    const user = users[below(3)] ?? ''
    const rest = `P5:local-${below(user === 'anna' ? 30 : 12)}`
    const name = `${user} ${rest}`
    const action = below(100)
    if (action < 55) {
      answers.insert(key(user, rest), action % 2 === 0 ? VALUE : '', 0, true)
      model.set(name, action % 2 === 0 ? VALUE : '')
    } else if (action < 98) {
      if (answers.forget(key(user, rest)) !== model.delete(name)) wrong++
    } else {
      const own = [...model.keys()].filter(known => known.startsWith(`${user} `))
      for (const known of own) model.delete(known)
      if (answers.forgetUser(user) !== own.length) wrong++
    }
    if (answers.peek(key(user, rest))?.value !== model.get(name)) wrong++
    if (answers.positive.size + answers.negative.size !== model.size) wrong++
  }
  t.equal(wrong, 0)
  for (const user of users) answers.forgetUser(user)
  t.same([...answers.users()], [])
  t.equal(answers.positive.bytes + answers.negative.bytes, 0)
})

t.test('text beyond Latin-1 counts twice', async t => {
  t.equal(entryBytes('k', 'aé') - entryBytes('k', ''), 2)
  t.equal(entryBytes('k', 'a→') - entryBytes('k', ''), 4)
})

t.test('a digest matches its own proof only, and nothing once it is wiped', async t => {
  const digests = new PasswordDigests()
  const proof = { stored: '{X}1', password: new Password('pw'), user: 'anna', originalUser: 'Anna' }
  const place = digests.keep(proof)
  t.equal(digests.matches(place, proof), true)
  for (const other of [
    { stored: '{X}2' },
    { password: new Password('pw2') },
    { user: 'ann', originalUser: 'aAnna' },
    { originalUser: 'anna' },
    { stored: '{X}14:', user: 'anna' },
  ]) {
    t.equal(digests.matches(place, { ...proof, ...other }), false, JSON.stringify(other))
  }
  digests.wipe(place)
  t.equal(digests.matches(place, proof), false)
  t.equal(digests.keep(proof), place, 'the place is used again')
  const other = new PasswordDigests()
  other.keep({ ...proof, user: 'x' })
  t.equal(other.matches(0, proof), false)
})

t.test('thousands of digests find their places', async t => {
  const digests = new PasswordDigests()
  const proofs = Array.from({ length: 3000 }, (_, i) => ({
    stored: '{X}',
    password: new Password(`pw${i}`),
    user: 'u',
    originalUser: 'u',
  }))
  const places = proofs.map(proof => digests.keep(proof))
  t.equal(new Set(places).size, 3000)
  t.ok(proofs.every((proof, i) => digests.matches(places[i] ?? 0, proof)))
  for (const [i, place] of places.entries()) if (i % 2 === 0) digests.wipe(place)
  t.ok(proofs.every((proof, i) => digests.matches(places[i] ?? 0, proof) === (i % 2 === 1)))
})
