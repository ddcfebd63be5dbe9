import t from 'tap'
import { columnText, columnValue } from '../../../src/database/column-value.js'

t.test('values become text, number or null', async t => {
  const cases: [unknown, unknown][] = [
    ['text', 'text'],
    ['', ''],
    [5, 5],
    [1.5, 1.5],
    [null, null],
    [undefined, null],
    [12n, 12],
    [18446744073709551615n, '18446744073709551615'],
    [true, 1],
    [false, 0],
    [Buffer.from('hö'), 'hö'],
    [Buffer.from([1]), 1],
    [Buffer.from([0]), 0],
    [Buffer.from('a'), 'a'],
    [Buffer.alloc(0), ''],
    [new Uint8Array([104, 105]).buffer, 'hi'],
    [new Uint8Array([104, 105]), 'hi'],
    [new Date('2024-02-29T12:00:00Z'), '2024-02-29T12:00:00.000Z'],
    [new Date(Number.NaN), null],
    [{ a: 1 }, '{"a":1}'],
    [Symbol('s'), null],
  ]
  for (const [given, wanted] of cases) t.equal(columnValue(given), wanted, String(given))
  t.equal(columnText(5), '5')
  t.equal(columnText(null), '')
})
