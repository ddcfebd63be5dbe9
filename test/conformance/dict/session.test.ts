// Many questions at once, lists, and what happens when something goes wrong in between.

import t from 'tap'
import type { IncomingRequest } from '../../../src/auth/auth.js'
import type { AuthOutcome } from '../../../src/auth/auth-outcome.js'
import { authWith, talk } from './session.js'

const ORDERED = 'H3\t0\t0\t\tauth'
const WITH_IDS = 'H3\t2\t0\t\tauth'
const tick = () => new Promise(resolve => setImmediate(resolve))

/** An engine whose answers the test gives, in any order. */
function slowAuth() {
  const questions = new Map<string, (result: AuthOutcome['result']) => void>()
  const auth = authWith({
    lookupPassdb: ({ user }: IncomingRequest) =>
      new Promise(resolve => {
        questions.set(user, result => resolve({ result, user, fields: new Map(), trace: [] }))
      }),
  })
  return { auth, answer: (user: string) => questions.get(user)?.('user_unknown') }
}

t.test('answers with ids come as they are found, others in the order of the questions', async t => {
  for (const [hello, expected] of [
    [WITH_IDS, '*1\n*2\n*3\n+3\tN\tT\n+1\tN\tT\n+2\tN\tT\n'],
    [ORDERED, 'N\nN\nN\n'],
  ] as const) {
    const { auth, answer } = slowAuth()
    const talking = talk(auth)
    talking.take(hello, 'Lshared/passdb/a\ta', 'Lshared/passdb/b\tb', 'Lshared/passdb/c\tc')
    await tick()
    t.equal(talking.session.waiting, 3)
    for (const user of ['c', 'a', 'b']) {
      answer(user)
      await tick()
      if (hello === ORDERED && user === 'c') t.equal(talking.sent(), '', 'c waits for a and b')
    }
    t.equal(talking.sent(), expected)
    t.equal(talking.session.waiting, 0)
  }
})

t.test('the answer comes with the times of its question', async t => {
  let ms = 1_795_471_436_001
  const sent: string[] = []
  const { session } = talk(authWith(), {
    now: () => ms++,
    output: { send: text => void sent.push(text), announce: text => void sent.push(text) },
  })
  session.take(WITH_IDS)
  session.take('Lshared/passdb/a\ta')
  await tick()
  t.same(sent, ['*1\n', '+1\tN\t1795471436\t1000\t1795471436\t2000\n'])
})

t.test('a question that waits too long fails, and a late answer is nobody’s', async t => {
  let ms = 1000
  const { auth, answer } = slowAuth()
  const talking = talk(auth, { now: () => ms })
  talking.take(WITH_IDS, 'Lshared/passdb/slow\tslow')
  ms = 2000
  talking.take('Lshared/passdb/young\tyoung')
  talking.session.failStartedBefore(1000)
  t.equal(talking.sent(), '*1\n*2\n')
  talking.session.failStartedBefore(1500)
  t.equal(talking.sent(), '*1\n*2\n+1\tFno answer in time\tT\n')
  answer('slow')
  answer('young')
  t.equal(await talking.answered(), '*1\n*2\n+1\tFno answer in time\tT\n+2\tN\tT\n')
})

t.test('a key with a password in it never fails, since Dovecot logs the keys that do', async t => {
  const { auth } = slowAuth()
  const failing = authWith({
    lookupPassdb: async ({ user }) => ({ result: 'internal_failure', user, fields: new Map(), trace: [] }),
    authenticate: async ({ user }) => {
      if (user === 'bug') throw new Error('a bug')
      return { result: 'internal_failure', user, fields: new Map(), trace: [] }
    },
  })
  const asked = async (engine: typeof auth, key: string, user: string) => {
    const talking = talk(engine, { now: () => 1000 })
    talking.take(ORDERED, `Lshared/passdb/${key}\t${user}`)
    await tick()
    talking.session.failStartedBefore(2000)
    return talking.answered()
  }
  for (const [key, user] of [
    ['service=imap/user=a/password=secret', 'a'],
    ['service=imap/user=a/password=', 'a'],
    ['a/secret', 'a'],
    ['service=imap/user=bug/password=secret', 'bug'],
    ['rip=here/user=a/password=secret', 'a'],
    ['service=imap/user=a/password=secret', 'b'],
  ] as const) {
    t.match(await asked(failing, key, user), /^O\{"":"[^"]+"\}\n$/, key)
  }
  t.equal(await asked(auth, 'user=a/password=', 'a'), 'O{"":"no answer in time"}\n')
  t.equal(await asked(failing, 'service=imap/user=a', 'a'), 'Finternal failure\n', 'others say what it is')
})

t.test('an exception is a failure of that question only', async t => {
  const auth = authWith({
    lookupPassdb: async () => {
      throw new Error('secret-in-a-message')
    },
    async *listUsers() {
      yield 'alice'
      throw new Error('the database went away')
    },
  })
  const talking = talk(auth)
  talking.take(ORDERED, 'Lshared/passdb/a\ta', 'I0\t0\tshared/userdb/\t*', 'Lshared/userdb/b\tb')
  const answers = await talking.answered()
  t.equal(answers, 'Finternal failure\nFthe listing broke off\nN\n')
  t.equal(talking.bugs.length, 2)
})

t.test('half a list is no list, whoever reads it', async t => {
  const auth = authWith({
    async *listUsers() {
      for (let at = 0; at < 5000; at++) yield `user${at}`
      throw new Error('the database went away')
    },
  })
  const talking = talk(auth)
  talking.take(WITH_IDS, 'I0\t0\tshared/userdb/\t*')
  const answers = await talking.answered()
  t.match(answers, /^\*1\n\+1\tOshared\/userdb\/user0\t\n/)
  t.match(answers, /\n\+1\tFthe listing broke off\tT\n$/)
})

t.test('a list is made only as fast as it is read', async t => {
  let made = 0
  let isFull = false
  let goOn: (isThere: boolean) => void = () => {}
  const auth = authWith({
    async *listUsers() {
      for (; made < 100_000; made++) yield `user${made}@example.org`
    },
  })
  let sentCharacters = 0
  const talking = talk(auth, {
    output: {
      send: text => {
        sentCharacters += text.length
        isFull = true
      },
      get isFull() {
        return isFull
      },
      room: () =>
        new Promise(resolve => {
          goOn = resolve
        }),
    },
  })
  talking.take(ORDERED, 'I0\t0\tshared/userdb/\t*')
  await tick()
  const first = made
  await tick()
  t.equal(made, first, 'nothing more is made')
  t.ok(sentCharacters < 20_000, 'and little has been')
  isFull = false
  goOn(true)
  await tick()
  t.ok(made > first)
  talking.session.close()
  goOn(false)
  await tick()
  t.ok(made < 10_000, 'nor when nobody reads any more')
})

t.test('a session that is to end answers what it has taken, and nothing else', async t => {
  const { auth, answer } = slowAuth()
  const talking = talk(auth)
  talking.take(ORDERED, 'Lshared/passdb/a\ta')
  talking.session.finish()
  talking.take('Lshared/passdb/b\tb')
  t.equal(talking.ended(), undefined)
  answer('a')
  t.equal(await talking.answered(), 'N\n')
  t.equal(talking.ended(), '')
})

t.test('a line that is too long is refused as a failure, and the connection ends', async t => {
  const talking = talk(authWith())
  talking.take(WITH_IDS, 'Lshared/passdb/a\ta')
  talking.session.takeTooLong('L')
  t.match(await talking.answered(), /^\*1\n\*2\n\+2\tO{"":"the line is too long"}\tT\n\+1\tN\tT\n$/)
  t.equal(talking.ended(), 'a line is too long')
  const other = talk(authWith())
  other.take(WITH_IDS)
  other.session.takeTooLong('S')
  t.equal(other.sent(), '')
  t.equal(other.ended(), 'a line is too long')
})
