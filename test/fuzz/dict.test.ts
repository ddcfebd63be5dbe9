// Bytes that no client would send, for a bounded time: the dict server answers by the protocol, or ends the connection; it
// never throws, never keeps much, and never says yes. HOMING_FUZZ_SECONDS for longer, HOMING_FUZZ_SEED for the same again.

import t from 'tap'
import type { IncomingRequest } from '../../src/auth/auth.js'
import { parseDictKey } from '../../src/protocols/dict/dict-key.js'
import { createLineCutter, parseCommand, parseHello } from '../../src/protocols/dict/dict-wire.js'
import { tabEscape, tabUnescape } from '../../src/protocols/tab-escape.js'
import { authWith, talk } from '../conformance/dict/session.js'

const seconds = Number(process.env.HOMING_FUZZ_SECONDS ?? 4)
const seed = Number(process.env.HOMING_FUZZ_SEED ?? Date.now() % 2 ** 31)

/** xorshift32: the same seed, the same bytes. */
function random(from: number): (below: number) => number {
  let state = from || 1
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const pieces = [
  ...[
    'H',
    'L',
    'I',
    'B',
    'C',
    'D',
    'R',
    'S',
    'U',
    'A',
    'T',
    'V',
    'X',
    '\t',
    '\n',
    '\x01',
    '\0',
    '\r',
    '/',
    '=',
  ],
  ...[
    '0',
    '1',
    '3',
    '16',
    '-1',
    '4294967296',
    '99999999999999999999',
    '\xff\xfe',
    'caf\xc3\xa9',
    '%w',
    '*',
    '..',
  ],
  ...[
    'shared/',
    'shared/passdb/',
    'shared/userdb/',
    'priv/',
    'user=',
    '/password=',
    'rip=',
    '/rip=127.0.0.1',
  ],
  ...['anna', 'anna@example.org', '__proto__', 'constructor', '\x01t', '\x01n', '\x011', '\x01'],
  ...['H3\t2\t0\t\tauth\n', 'H2\t2\t0\tanna\tauth\n', 'H4\t0\t0\t\tauth\n', 'Lshared/passdb/anna\tanna\n'],
  ...['I0\t0\tshared/userdb/\t*\n', 'B1\tanna\nS1\tk\tv\nC1\n', 'Lshared/passdb/anna/secret\tanna\n'],
]

/** With and without an id: not found, failed in both ways, a row of a list, a commit that failed, the end of a list. */
const answerLine = /^(?:\*\d+|(?:\+\d+\t)?(?:N|F.*|O\{"":"[^"\t]+"\}|O[^\t]+\t|AF\d+\t.*|)(?:\tT)?)$/

t.test(`seed ${seed}: whatever is sent, the session speaks the protocol`, async t => {
  const below = random(seed)
  const one = () => pieces[below(pieces.length)] ?? ''
  const end = performance.now() + seconds * 1000
  let sessions = 0
  let answered = 0
  while (performance.now() < end) {
    const asked: IncomingRequest[] = []
    const unknown = async (request: IncomingRequest) => {
      asked.push(request)
      if (below(50) === 0) throw new Error('a driver failed')
      const result = below(3) === 0 ? 'internal_failure' : 'user_unknown'
      return { result, user: request.user, fields: new Map<string, string>(), trace: [] } as const
    }
    const auth = authWith({
      authenticate: unknown,
      lookupPassdb: unknown,
      lookupUserdb: unknown,
      async *listUsers() {
        for (let at = below(5); at > 0; at--) yield `user${at}`
      },
    })
    const talking = talk(auth)
    const greeting = below(10) > 0 ? 'H3\t0\t0\t\tauth\n' : ''
    const text = greeting + Array.from({ length: below(60) }, one).join('')
    const cutter = createLineCutter(below(4) === 0 ? 64 : 65_536)
    let expected = 0
    for (let at = 0; at < text.length && !cutter.isTooLong; ) {
      const size = 1 + below(text.length)
      for (const line of cutter.take(text.slice(at, at + size))) {
        if (talking.ended() === undefined && /^[LICD]/.test(line)) expected++
        talking.take(line)
      }
      at += size
    }
    if (cutter.isTooLong) talking.session.takeTooLong(cutter.rest)
    const answers = await talking.answered()
    const wrong = answers.split('\n').filter(line => !answerLine.test(line))
    if (wrong.length > 0 || talking.session.waiting > 0 || talking.bugs.length > asked.length) {
      t.same(wrong, [], JSON.stringify(text))
      t.equal(talking.session.waiting, 0, JSON.stringify(text))
      return
    }
    sessions++
    answered += expected
  }
  t.ok(sessions > 100, `${sessions} sessions with some ${answered} questions`)
})

t.test(`seed ${seed}: nobody but the user of the command is asked about`, async t => {
  const below = random(seed ^ 0x5eed)
  const end = performance.now() + seconds * 250
  while (performance.now() < end) {
    const user = ['anna', 'anna@example.org', 'a/b', 'x=y'][below(4)] ?? ''
    const inside = Array.from({ length: below(6) }, () => pieces[below(pieces.length)]).join('')
    const key = `shared/${below(2) ? 'passdb' : 'userdb'}/${inside}${below(2) ? user : ''}${below(3) ? '' : '/pw'}`
    const question = parseDictKey(key, user)
    if (question.ask !== 'nothing' && question.request.user !== user)
      t.equal(question.request.user, user, key)
    if (question.ask === 'nothing' && question.why === '') t.fail(key)
  }
  t.pass()
})

t.test(`seed ${seed}: what is escaped comes back, and no parser throws`, async t => {
  const below = random(seed ^ 0xe5c)
  const end = performance.now() + seconds * 250
  while (performance.now() < end) {
    const text = Array.from({ length: below(40) }, () => String.fromCharCode(below(256))).join('')
    const escaped = tabEscape(text)
    if (/[\0\t\r\n]/.test(escaped) || tabUnescape(escaped) !== text) t.equal(tabUnescape(escaped), text)
    parseHello(text)
    parseCommand(text)
    parseDictKey(text, undefined)
    tabUnescape(text)
  }
  t.pass()
})
