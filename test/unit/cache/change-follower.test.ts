import t from 'tap'
import { followChanges } from '../../../src/cache/change-follower.js'
import type { ChangeLog, ChangeRow } from '../../../src/database/change-log.js'

const change = (id: number, user: string): ChangeRow => ({ id, user, kind: 'set' })
const changes = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => change(from + n, `u${from + n}`))

t.test(
  'a change whose transaction is under way at the start is news, whatever others write meanwhile',
  async t => {
    for (const before of [0, 500, 5000]) {
      const late = before + 1
      let rows = [...changes(1, before), ...changes(late + 1, 1000)]
      const log: ChangeLog = {
        name: 'test',
        newest: async count => ({ result: 'rows', rows: rows.slice(-count) }),
        from: async (id, limit) => ({
          result: 'rows',
          rows: rows.filter(row => row.id >= id).slice(0, limit),
        }),
      }
      const heard: string[] = []
      const follower = followChanges({
        log,
        clock: { now: () => 0 },
        intervalMs: 1e6,
        news: news => void heard.push(...news.map(({ user }) => user)),
        missed: () => void heard.push('everything'),
        warn: () => {},
      })
      t.teardown(() => follower.stop())
      await follower.look()
      t.same(heard.splice(0), ['everything'])
      rows = [...rows, change(late, 'anna')].sort((a, b) => a.id - b.id)
      await follower.look()
      t.same(heard, ['anna'], `${before} rows before`)
    }
  },
)
