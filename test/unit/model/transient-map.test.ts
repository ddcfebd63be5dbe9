import { spawnSync } from 'node:child_process'
import t from 'tap'
import { TransientMap } from '../../../src/model/transient-map.js'

t.test('it is a Map, in the order in which entries came', async t => {
  const map = new TransientMap<string, number>()
  const model = new Map<string, number>()
  for (let i = 0; i < 1000; i++) {
    map.set(`k${i}`, i)
    model.set(`k${i}`, i)
    const gone = `k${i - (i % 50)}`
    t.equal(map.delete(gone), model.delete(gone))
    map.set('k7', -i)
    model.set('k7', -i)
  }
  t.same([...map], [...model])
  t.same([...map.keys()], [...model.keys()])
  t.same([...map.values()], [...model.values()])
  t.equal(map.size, model.size)
  t.equal(map.get('k7'), -999)
  t.equal(map.get('k50'), undefined)
  t.equal(map.has('k50'), false)
  map.clear()
  t.equal(map.size, 0)
})

t.test('an iteration sees what is there, also when others go meanwhile', async t => {
  const map = new TransientMap<number, string>()
  for (let i = 0; i < 200; i++) map.set(i, `v${i}`)
  const seen: number[] = []
  for (const key of map.keys()) {
    seen.push(key)
    map.delete(key)
  }
  t.same(
    seen,
    Array.from({ length: 200 }, (_, i) => i),
  )
  t.equal(map.size, 0)
})

/** KiB that become old of what comes and goes: a Map that is old itself keeps it all until the next full collection. */
const program = `
import { getHeapSpaceStatistics } from 'node:v8'
import { TransientMap } from ${JSON.stringify(new URL('../../../src/model/transient-map.js', import.meta.url).href)}
const old = () => getHeapSpaceStatistics().find(space => space.space_name === 'old_space').space_used_size
const becomesOld = map => {
  let before = 0
  for (let i = 0; i < 60000; i++) {
    if (i === 1000) {
      gc()
      before = old()
    }
    map.set('user' + i, { i, more: [i, i, i, i, i, i, i, i] })
    map.delete('user' + (i - 16))
  }
  return Math.round((old() - before) / 1024)
}
const making = [() => ({ set: () => {}, delete: () => {} }), () => new Map(), () => new TransientMap()]
// The first run of each compiles it, which becomes old as well.
for (const make of making) becomesOld(make())
const [nothing, map, transient] = making.map(make => becomesOld(make()))
console.log(JSON.stringify({ map: map - nothing, transient: transient - nothing }))`

t.test('what has gone is gone, for the young collector too', async t => {
  const flags = ['--expose-gc', '--max-semi-space-size=1', '--input-type=module']
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8' })
  t.equal(stderr, '')
  const { map, transient } = JSON.parse(stdout)
  t.ok(map > 2000, `a Map of this V8 keeps it: ${map} KiB`)
  t.ok(transient < map / 5, `${transient} KiB`)
})
