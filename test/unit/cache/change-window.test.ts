import t from 'tap'
import { ChangeWindow } from '../../../src/cache/change-window.js'
import type { ChangeRow } from '../../../src/database/change-log.js'
import { chance } from './random.js'

const row = (id: number, user = `user${id}`): ChangeRow => ({ id, user, kind: 'set' })
const rows = (...ids: number[]) => ids.map(id => row(id))

/** What a window is given: the rows of the table from its own `from` on. */
const take = (window: ChangeWindow, table: readonly ChangeRow[], now: number) =>
  window.take(
    table.filter(({ id }) => id >= window.from),
    now,
  )

t.test('rows that were there at the beginning are no news, later ones are, once', async t => {
  const window = new ChangeWindow(rows(4, 5, 6), 0)
  t.same(take(window, rows(4, 5, 6), 1000), { fresh: [] })
  t.same(take(window, rows(4, 5, 6, 7, 8), 2000), { fresh: rows(7, 8) })
  t.same(take(window, rows(4, 5, 6, 7, 8), 3000), { fresh: [] })
  t.equal(window.from, 8, 'where nothing is missing, nothing is read again')
})

t.test('a row that becomes visible below others is news', async t => {
  const window = new ChangeWindow(rows(1), 0)
  t.same(take(window, rows(1, 3), 1000), { fresh: rows(3) })
  t.equal(window.from, 1)
  t.same(take(window, rows(1, 2, 3), 30_000), { fresh: rows(2) })
  t.equal(window.from, 3)
})

t.test('also one below the newest at the beginning', async t => {
  const window = new ChangeWindow(rows(5, 8), 0)
  t.same(take(window, rows(5, 7, 8), 500), { fresh: rows(7) })
})

t.test('a missing id is waited for for a minute', async t => {
  const window = new ChangeWindow(rows(1), 0)
  take(window, rows(1, 3), 1000)
  take(window, rows(1, 3, 4), 2000)
  t.equal(window.from, 1)
  take(window, rows(1, 3, 4), 61_000)
  t.equal(window.from, 4, 'then it was undone')
})

t.test('an empty table, and its first rows', async t => {
  const window = new ChangeWindow([], 0)
  t.same(take(window, [], 1000), { fresh: [] })
  t.same(take(window, rows(1), 2000), { fresh: rows(1) })
  t.same(take(window, rows(1, 2), 3000), { fresh: rows(2) })
})

t.test('whatever may have been missed is told', async t => {
  const pruned = new ChangeWindow(rows(5), 0)
  t.match(take(pruned, rows(100, 101), 1000), { missed: String })
  const emptied = new ChangeWindow(rows(5), 0)
  t.match(take(emptied, [], 1000), { missed: String })
  const restored = new ChangeWindow(rows(5, 7, 8), 0)
  t.match(take(restored, rows(5, 7), 1000), { missed: String }, 'ids went back')
  const rewritten = new ChangeWindow(rows(5, 7), 0)
  t.same(take(rewritten, [row(5), row(7, 'another')], 1000), { fresh: [row(7, 'another')] })
  const flooded = new ChangeWindow(rows(1), 0)
  const flood = rows(...Array.from({ length: 60_000 }, (_, at) => at + 1))
  t.match(take(flooded, flood, 1000), { missed: String })
})

t.test(
  'over random histories every row is news exactly once, at the first look after it became visible',
  async t => {
    for (let history = 0; history < 300; history++) {
      const { below } = chance(history)
      const random = () => below(1000) / 1000
      const table: ChangeRow[] = rows(1)
      const open: { readonly id: number; readonly endsAt: number; readonly commits: boolean }[] = []
      const window = new ChangeWindow(table, 0)
      const told = new Map<number, number>()
      let nextId = 2
      for (let now = 0; now < 200_000; now += 1000) {
        const due = open.filter(({ endsAt }) => endsAt <= now)
        for (const transaction of due) {
          open.splice(open.indexOf(transaction), 1)
          if (transaction.commits) table.push(row(transaction.id))
        }
        table.sort((a, b) => a.id - b.id)
        const news = take(window, table, now)
        if ('missed' in news) return t.fail(`history ${history}: ${news.missed}`)
        const fresh = news.fresh.map(({ id }) => id)
        const expected = due.filter(({ commits }) => commits).map(({ id }) => id)
        if (fresh.join() !== expected.sort((a, b) => a - b).join()) {
          return t.same(fresh, expected, `history ${history} at ${now}`)
        }
        for (const id of fresh) told.set(id, (told.get(id) ?? 0) + 1)
        while (random() < 0.6) {
          const takesMs = random() < 0.1 ? random() * 50_000 : random() * 2000
          open.push({ id: nextId, endsAt: now + takesMs, commits: random() < 0.9 })
          nextId += random() < 0.1 ? 3 : 1
        }
      }
      if ([...told.values()].some(times => times !== 1)) return t.fail(`history ${history}: told twice`)
    }
    return t.pass('300 histories')
  },
)
