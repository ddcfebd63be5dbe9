import t from 'tap'
import type { ChangeRow } from '../../../src/database/change-log.js'
import { HostAges } from '../../../src/database/host-ages.js'

const primary = (newest: number) => ({ newest, isReadOnly: false })
const replica = (newest: number) => ({ newest, isReadOnly: true })
const change = (id: number, user: string, kind: ChangeRow['kind'] = 'set'): ChangeRow => ({ id, user, kind })

/** Two hosts that both have everything up to 10. */
function atTen(): HostAges {
  const ages = new HostAges(2)
  t.same(ages.asked([primary(10), replica(10)]), { host: 0, from: 10 })
  ages.learned(10, 10, [], true)
  return ages
}

t.test('nothing is too old while nothing is known', async t => {
  t.same(new HostAges(2).tooOld(1, ['anna']), [])
})

t.test('a replica that is behind is too old for those who were changed, and for nobody else', async t => {
  const ages = atTen()
  t.same(ages.asked([primary(12), replica(10)]), { host: 0, from: 10 })
  ages.learned(10, 12, [change(11, 'anna'), change(12, 'bob')], true)
  t.same(ages.tooOld(1, ['anna', 'bob', 'carl']), ['anna', 'bob'])
  t.same(ages.tooOld(0, ['anna']), [])
  ages.sawNow(1, 11, 12)
  t.ok(ages.isBehind(1))
  t.same(ages.tooOld(1, ['anna', 'bob', 'carl']), ['bob'])
  t.equal(ages.asked([undefined, replica(12)]), undefined)
  t.same(ages.tooOld(1, ['anna', 'bob']), [])
})

t.test('a stored hash that was only strengthened still lets the same password in', async t => {
  const ages = atTen()
  ages.asked([primary(11), replica(10)])
  ages.learned(10, 11, [change(11, 'anna', 'rehash')], true)
  t.same(ages.tooOld(1, ['anna']), [])
})

t.test('a first host that no longer gets changes comes after one that does', async t => {
  const ages = atTen()
  // The replica has become the primary; the old one is read-only and is told nothing.
  ages.asked([replica(10), primary(11)])
  ages.learned(10, 11, [change(11, 'anna')], true)
  t.same(ages.tooOld(0, ['anna']), ['anna'])
  t.notOk(ages.isBehind(0), 'it may only have been asked a moment before')
  ages.asked([replica(10), primary(11)])
  t.ok(ages.isBehind(0))
  t.notOk(ages.isBehind(1))
})

t.test('a host that is asked a moment before the other is not behind for that', async t => {
  const ages = atTen()
  for (let id = 11; id < 20; id++) {
    ages.asked([primary(id - 1), replica(id)])
    ages.learned(id - 1, id, [change(id, 'anna')], true)
    t.notOk(ages.isBehind(0))
  }
})

t.test('a database that was restored counts from where it is now', async t => {
  const ages = atTen()
  ages.asked([primary(20), replica(20)])
  ages.learned(10, 20, [change(20, 'anna')], true)
  t.equal(ages.asked([primary(5), undefined]), undefined)
  t.same(ages.tooOld(0, ['anna']), [])
  t.notOk(ages.isBehind(0))
})

t.test('a replica alone that has less than was known stays too old', async t => {
  const ages = atTen()
  ages.asked([primary(11), replica(10)])
  ages.learned(10, 11, [change(11, 'anna')], true)
  ages.asked([undefined, replica(10)])
  t.same(ages.tooOld(1, ['anna', 'bob']), ['anna'])
  t.ok(ages.isBehind(1))
})

t.test('after more changes than are read at once everybody counts as changed', async t => {
  const ages = atTen()
  ages.asked([primary(9000), replica(10)])
  ages.learned(10, 9000, [change(11, 'anna')], false)
  t.same(ages.tooOld(1, ['anna', 'bob']), ['anna', 'bob'])
})

t.test('a host that never answered is too old for everybody, once anything is known', async t => {
  const ages = new HostAges(2)
  t.same(ages.asked([primary(10), undefined]), { host: 0, from: 10 })
  ages.learned(10, 10, [], true)
  t.same(ages.tooOld(1, ['anna']), ['anna'])
})

t.test('what was changed between the hosts is learned at the start', async t => {
  const ages = new HostAges(2)
  t.same(ages.asked([primary(12), replica(10)]), { host: 0, from: 10 })
  ages.learned(10, 12, [change(11, 'anna'), change(12, 'bob')], true)
  t.same(ages.tooOld(1, ['anna', 'carl']), ['anna'])
})
