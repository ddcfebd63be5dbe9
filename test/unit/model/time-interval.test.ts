import t from 'tap'
import { formatTimeInterval, parseTimeInterval } from '../../../src/model/time-interval.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

// What doveconf 2.3.19 (seconds) and 2.4.1 (milliseconds) made of these.
const read: readonly (readonly [text: string, ms: number])[] = [
  ['0', 0],
  ['00', 0],
  ['0s', 0],
  ['5s', 5000],
  ['5S', 5000],
  ['5 sec', 5000],
  ['5 Secs', 5000],
  ['5 seconds', 5000],
  ['5  s', 5000],
  ['5 s ', 5000],
  ['5m', 5 * MINUTE],
  ['5 mi', 5 * MINUTE],
  ['5 min', 5 * MINUTE],
  ['5 mins', 5 * MINUTE],
  ['5 minu', 5 * MINUTE],
  ['5 minutes', 5 * MINUTE],
  ['500ms', 500],
  ['500 msecs', 500],
  ['5 mseconds', 5],
  ['5 millis', 5],
  ['5 milliseconds', 5],
  ['1h', HOUR],
  ['1 hour', HOUR],
  ['2 hours', 2 * HOUR],
  ['3d', 3 * DAY],
  ['1 day', DAY],
  ['1w', 7 * DAY],
  ['2 weeks', 14 * DAY],
]

const refused = ['', 's', '-1s', '+5s', '1.5s', '5\ts', ' 5s', '1 m s', '2 hrs', '1 month', '5 infinit']

t.test('an interval that doveconf reads is the same time here', async t => {
  for (const [text, ms] of read) t.same(parseTimeInterval(text), { ms }, JSON.stringify(text))
})

t.test('what doveconf calls an invalid interval is refused', async t => {
  for (const text of refused) t.match(parseTimeInterval(text), { wrong: /./, right: /"30 secs"/ }, text)
})

t.test('a number without a unit is refused, and the message says what was probably meant', async t => {
  t.same(parseTimeInterval('3600'), {
    wrong: 'the time "3600" has no unit',
    right: '"3600 secs" if seconds were meant',
  })
})

t.test("Dovecot 2.4's infinite is refused: here every wait ends", async t => {
  t.match(parseTimeInterval('infinite'), { wrong: '"infinite" is not a time' })
  t.match(parseTimeInterval('unlimited'), { wrong: '"unlimited" is not a time' })
})

t.test('an interval too long to count in milliseconds is refused', async t => {
  t.match(parseTimeInterval('9999999999999999 weeks'), { wrong: /too long/ })
})

t.test('what is printed reads as the same time', async t => {
  const times = [0, 1, 999, 1000, 1500, MINUTE, 90_000, HOUR, DAY, 7 * DAY, 8 * DAY, 2 ** 31 - 1]
  for (const ms of times) t.same(parseTimeInterval(formatTimeInterval(ms)), { ms }, formatTimeInterval(ms))
  t.equal(formatTimeInterval(5 * MINUTE), '5 mins')
  t.equal(formatTimeInterval(HOUR), '1 hour')
})
