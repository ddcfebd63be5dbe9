import t from 'tap'
import {
  createLineCutter,
  formatCommitFailure,
  formatReply,
  formatRow,
  lineLimitBytes,
  parseCommand,
  parseHello,
} from '../../../src/protocols/dict/dict-wire.js'
import { tabEscape, tabUnescape } from '../../../src/protocols/tab-escape.js'

t.test('the greetings of all Dovecots are understood', async t => {
  const hello = { kind: 'hello', user: '', dictName: 'auth' }
  t.same(parseHello('H2\t2\t0\tanna\tauth'), { ...hello, isAsync: true, user: 'anna' }, '2.3.0 to 2.3.16')
  t.same(parseHello('H3\t2\t0\t\tauth'), { ...hello, isAsync: true }, '2.3.17 and later')
  t.same(parseHello('H4\t0\t0\t\tauth'), { ...hello, isAsync: false }, '2.4')
  t.same(parseHello('H3\t0\t0\t\tauth'), { ...hello, isAsync: false }, 'without ids')
  t.match(parseHello('H3\t2\t0\t\tname with\x01ttab'), { dictName: 'name with\ttab' })
})

t.test('whoever greets otherwise is not served', async t => {
  for (const line of [
    '',
    'Lshared/passdb/anna\tanna',
    'H',
    'H3\t2\t0\t',
    'H1\t2\t0\t\tauth',
    'H5\t0\t0\t\tauth',
    'H3\tx\t0\t\tauth',
    'H\t2\t0\t\tauth',
    'H3\t2\t2\t\tauth',
    'H3\t2\tx\t\tauth',
    'H-3\t2\t0\t\tauth',
    'H99999999999999999999\t2\t0\t\tauth',
  ]) {
    t.ok('wrong' in parseHello(line), JSON.stringify(line))
  }
})

t.test('commands are read with and without the user', async t => {
  t.same(parseCommand('Lshared/passdb/anna'), { kind: 'lookup', key: 'shared/passdb/anna', user: undefined })
  t.same(parseCommand('Lshared/passdb/a\x01tb\tanna'), {
    kind: 'lookup',
    key: 'shared/passdb/a\tb',
    user: 'anna',
  })
  const listing = { kind: 'iterate', flags: 1, maxRows: 20, path: 'shared/userdb/' }
  t.same(parseCommand('I1\t20\tshared/userdb/\t*'), { ...listing, user: '*' })
  t.same(parseCommand('I1\t20\tshared/userdb/'), { ...listing, user: undefined })
  t.same(parseCommand('C7'), { kind: 'commit', id: '7', isDetached: false })
  t.same(parseCommand('D7'), { kind: 'commit', id: '7', isDetached: true })
  for (const line of ['B1\tanna', 'S1\tk\tv', 'U1\tk', 'A1\tk\t5', 'T1\t2\t3', 'R1', 'V1\tyes']) {
    t.same(parseCommand(line), { kind: 'unanswered' }, line)
  }
})

t.test('what is no command is broken', async t => {
  for (const line of [
    '',
    'L',
    'L\tanna',
    'X1',
    'I0\t0',
    'Ix\t0\tshared/',
    'I0\t-1\tp',
    'C',
    'Cx',
    'H3\t2\t0\t\ta',
    '\x01',
  ]) {
    t.equal(parseCommand(line).kind, 'broken', JSON.stringify(line))
  }
})

t.test('every value keeps its place in its line', async t => {
  t.equal(formatReply({ kind: 'found', value: 'a\tb\nc\rd\0e\x01f' }), 'Oa\x01tb\x01nc\x01rd\x010e\x011f')
  t.equal(formatReply({ kind: 'not-found' }), 'N')
  t.equal(formatReply({ kind: 'failed', why: 'oh no\ttab' }), 'Foh no\x01ttab')
  t.equal(formatRow('shared/userdb/a\tb', ''), 'Oshared/userdb/a\x01tb\t')
  const commit = { kind: 'commit' as const, id: '7', isDetached: false }
  t.equal(formatCommitFailure(commit, 'no'), 'F7\tno')
  t.equal(formatCommitFailure({ ...commit, isDetached: true }, 'no'), 'AF7\tno')
})

t.test('escaping goes there and back', async t => {
  for (const text of ['', 'a', '\x01', '\x01\x01t', '\t\r\n\0\x01', 'ä\x01€', 'x\x01']) {
    t.equal(tabUnescape(tabEscape(text)), text, JSON.stringify(text))
  }
  t.equal(tabUnescape('a\x01xb'), 'axb', 'another character stands for itself')
  t.equal(tabUnescape('a\x01'), 'a', 'and nothing for nothing')
})

t.test('lines are cut wherever the bytes are cut', async t => {
  const text = 'H3\t2\t0\t\tauth\nLshared/passdb/anna\tanna\n\nrest'
  for (let size = 1; size <= text.length; size++) {
    const cutter = createLineCutter()
    const lines: string[] = []
    for (let at = 0; at < text.length; at += size) lines.push(...cutter.take(text.slice(at, at + size)))
    t.same(lines, ['H3\t2\t0\t\tauth', 'Lshared/passdb/anna\tanna', ''])
    t.equal(cutter.rest, 'rest')
  }
})

t.test('a line that is too long is known as soon as it is, and kept no longer', async t => {
  const cutter = createLineCutter()
  t.same(cutter.take(`${'L'.repeat(lineLimitBytes)}\n`), ['L'.repeat(lineLimitBytes)], 'the longest')
  t.same(cutter.take('N\nLaaa'), ['N'])
  t.same(cutter.take('a'.repeat(lineLimitBytes)), [])
  t.ok(cutter.isTooLong)
  t.equal(cutter.rest, 'L', 'what it was is known')
  const other = createLineCutter(4)
  t.same(other.take('ok\nLtoo long\nnever\n'), ['ok'], 'nothing behind it is read')
  t.ok(other.isTooLong)
})
