import { execFileSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readSecretFile } from '../../../src/config/secret-file.js'

const folder = t.testdir({ folder: {} })
const path = join(folder, 'secret')

function secretIn(contents: string | Buffer, mode = 0o600) {
  writeFileSync(path, contents)
  chmodSync(path, mode)
  return readSecretFile(path)
}

t.test('the secret is the file without its closing line break', async t => {
  t.same(secretIn('s3cret\n'), { secret: 's3cret', worldReadable: false })
  t.same(secretIn('s3cret\r\n'), { secret: 's3cret', worldReadable: false })
  t.same(secretIn(' s3 cret '), { secret: ' s3 cret ', worldReadable: false })
  t.same(secretIn('two\n\n'), { secret: 'two\n', worldReadable: false })
})

t.test('a file that everybody can read is noticed', async t => {
  t.same(secretIn('s3cret', 0o644), { secret: 's3cret', worldReadable: true })
})

t.test('an empty, a binary and a too large file are refused, and none is quoted', async t => {
  t.match(secretIn(''), { wrong: `${path} is empty` })
  t.match(secretIn('\n'), { wrong: `${path} is empty` })
  t.match(secretIn('a\0b'), { wrong: `${path} does not hold text` })
  t.match(secretIn(Buffer.from([0x61, 0xff])), { wrong: `${path} does not hold text` })
  t.match(secretIn('x'.repeat(65_537)), { wrong: `${path} is too large` })
  t.match(secretIn('x'.repeat(65_536)), { secret: 'x'.repeat(65_536) })
})

t.test('what is no regular file is refused at once, a fifo too', async t => {
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  t.match(readSecretFile(fifo), { wrong: `${fifo} is not a regular file` })
  t.match(readSecretFile(join(folder, 'folder')), { wrong: /is not a regular file/ })
  t.match(readSecretFile('/dev/null'), { wrong: '/dev/null is not a regular file' })
  t.match(readSecretFile(join(folder, 'nothing')), { wrong: /cannot read .*ENOENT/ })
})
