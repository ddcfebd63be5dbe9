import t from 'tap'
import { isAmong, secretBlock } from '../../../src/protocols/http/secret-block.js'

const long = 'x'.repeat(300)
const texts = [
  '',
  'a',
  'a\0',
  '\0a',
  'ä',
  'Bearer secret',
  'x'.repeat(253),
  'x'.repeat(254),
  'x'.repeat(255),
  long,
]

t.test('a text is found among secrets if it is one of them, and only then', async t => {
  for (const wanted of texts) {
    for (const given of [...texts, `${wanted}x`, wanted.slice(1)]) {
      t.equal(isAmong(given, [secretBlock(wanted)]), given === wanted, `${given.length} and ${wanted.length}`)
    }
  }
  t.equal(isAmong('b', ['a', 'b', 'c'].map(secretBlock)), true)
  t.equal(isAmong('b', []), false)
})

t.test('what was asked before does not show in the next answer', async t => {
  const secrets = ['Bearer secret', 'x'].map(secretBlock)
  t.equal(isAmong('Bearer secret and more', secrets), false)
  t.equal(isAmong('Bearer secret', secrets), true)
  t.equal(isAmong(long, secrets), false)
  t.equal(isAmong('x', secrets), true)
})

t.test('all secrets have one length', async t => {
  t.same(new Set(texts.map(text => secretBlock(text).length)), new Set([256]))
})
