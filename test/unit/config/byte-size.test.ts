import t from 'tap'
import { formatByteSize, parseByteSize } from '../../../src/config/byte-size.js'

const KIB = 1024
const MIB = 1024 * KIB

// What doveconf 2.3.19 made of these.
const read: readonly (readonly [text: string, bytes: number])[] = [
  ['0', 0],
  ['1', 1],
  ['4096', 4 * KIB],
  ['16B', 16],
  ['16b', 16],
  ['16k', 16 * KIB],
  ['16M', 16 * MIB],
  ['16m', 16 * MIB],
  ['16 M', 16 * MIB],
  ['16  M', 16 * MIB],
  ['16MB', 16 * MIB],
  ['16Mi', 16 * MIB],
  ['16MiB', 16 * MIB],
  ['16 MB', 16 * MIB],
  ['1G', KIB * MIB],
  ['1T', MIB * MIB],
]

const refused = ['', 'M', '-1', '1.5M', '1P', '16BB', '16 mb x', 'unlimited']

t.test('a size that doveconf reads is the same number of bytes here', async t => {
  for (const [text, bytes] of read) t.same(parseByteSize(text), { bytes }, JSON.stringify(text))
})

t.test('what doveconf calls an invalid size is refused', async t => {
  for (const text of refused) t.match(parseByteSize(text), { wrong: /./, right: /"16M"/ }, text)
})

t.test('a size too large to count exactly is refused', async t => {
  t.match(parseByteSize('16777216T'), { wrong: /too large/ })
})

t.test('what is printed reads as the same size', async t => {
  for (const bytes of [0, 1, 1023, KIB, 1536, 16 * MIB, MIB + 1, 3 * MIB * MIB]) {
    t.same(parseByteSize(formatByteSize(bytes)), { bytes }, formatByteSize(bytes))
  }
  t.equal(formatByteSize(16 * MIB), '16M')
})
