// The same sequences of logins against Homing's cache and that of a real Dovecot 2.3: the same answers, and the database
// asked at the same steps. Where Homing is better on purpose, the step says so.

import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Answer, SPARE_MS, startTwoCaches, type TwoCaches, ttl } from './two-caches.js'

/** A login and what both answer, from the cache (`hit`) or not (`query`). */
interface Login {
  readonly login: string
  readonly answer: Answer
  readonly from: 'hit' | 'query'
  /** What Homing answers instead, and why. */
  readonly homing?: { readonly answer: Answer; readonly because: string }
}

type Step = Login | { readonly set: string } | 'delete' | 'wait negative ttl' | 'wait ttl'

const login = (password: string, answer: Answer, from: Login['from']): Login => ({
  login: password,
  answer,
  from,
})

const sequences: Readonly<Record<string, readonly Step[]>> = {
  normal: [{ set: 'p1' }, login('p1', 'ok', 'query'), login('p1', 'ok', 'hit'), login('p1', 'ok', 'hit')],
  'a wrong password is asked again once after a right one': [
    { set: 'p1' },
    login('p1', 'ok', 'query'),
    login('p1', 'ok', 'hit'),
    login('p2', 'refused', 'query'),
    login('p2', 'refused', 'hit'),
    login('p1', 'ok', 'hit'),
    login('p2', 'refused', 'query'),
  ],
  'old cached password': [
    { set: 'p1' },
    login('p1', 'ok', 'query'),
    { set: 'p2' },
    login('p1', 'ok', 'hit'),
    login('p2', 'ok', 'query'),
    login('p1', 'refused', 'query'),
    login('p2', 'ok', 'hit'),
  ],
  'early change': [
    { set: 'p1' },
    login('p2', 'refused', 'query'),
    { set: 'p2' },
    login('p2', 'refused', 'hit'),
    'wait negative ttl',
    login('p2', 'ok', 'query'),
    login('p2', 'ok', 'hit'),
  ],
  'nobody of that name, until there is': [
    login('p1', 'refused', 'query'),
    login('p1', 'refused', 'hit'),
    { set: 'p1' },
    login('p1', 'refused', 'hit'),
    'wait negative ttl',
    login('p1', 'ok', 'query'),
  ],
  'a hit does not prolong an entry': [
    { set: 'p1' },
    login('p1', 'ok', 'query'),
    'wait negative ttl',
    login('p1', 'ok', 'hit'),
    'wait ttl',
    login('p1', 'ok', 'query'),
    login('p1', 'ok', 'hit'),
  ],
  'a deleted user': [
    { set: 'p1' },
    login('p1', 'ok', 'query'),
    'delete',
    login('p1', 'ok', 'hit'),
    login('p2', 'refused', 'query'),
    login('p1', 'refused', 'hit'),
  ],
}

const mayBeRight = 'the password may be a new one: only the database knows'
const keepsOpen = 'an entry that is too old to be believed says neither "wrong" nor "unknown"'

/** With the table gone: a database that is killed answers Dovecot only after a minute. */
const outage: Readonly<
  Record<string, { before: readonly Step[]; during: readonly Step[]; after: readonly Step[] }>
> = {
  'a user seen before': {
    before: [{ set: 'p1' }, login('p1', 'ok', 'query')],
    during: [login('p1', 'ok', 'hit'), 'wait ttl', login('p1', 'ok', 'query')],
    after: [login('p1', 'ok', 'query'), login('p1', 'ok', 'hit')],
  },
  'a user seen before, with another password': {
    before: [{ set: 'p1' }, login('p1', 'ok', 'query')],
    during: [
      { ...login('p2', 'refused', 'query'), homing: { answer: 'temporary', because: mayBeRight } },
      { ...login('p2', 'refused', 'hit'), homing: { answer: 'temporary', because: mayBeRight } },
    ],
    after: [login('p1', 'ok', 'query')],
  },
  'a name seen before that nobody has': {
    before: [login('p1', 'refused', 'query')],
    during: [
      login('p1', 'refused', 'hit'),
      'wait ttl',
      { ...login('p1', 'refused', 'query'), homing: { answer: 'temporary', because: keepsOpen } },
    ],
    after: [login('p1', 'refused', 'query')],
  },
  'a user never seen': {
    before: [{ set: 'p1' }],
    during: [login('p1', 'temporary', 'query')],
    after: [login('p1', 'ok', 'query')],
  },
}

/** The sequences wait for entries to expire. */
const patience = { timeout: 240_000 }

t.test('Homing’s cache and that of Dovecot 2.3', patience, async t => {
  const caches = await startTwoCaches(t)
  if (!caches) return
  const all = (steps: readonly Sequence[]) =>
    Promise.all(
      steps.map((sequence, at) => play(t, caches, { ...sequence, user: `${sequence.group}${at}@x` })),
    )
  const phase = (name: 'before' | 'during' | 'after') =>
    Object.entries(outage).map(([title, phases]) => ({
      title: `${name} the outage, ${title}`,
      group: 'out',
      steps: phases[name],
    }))

  await all(Object.entries(sequences).map(([title, steps]) => ({ title, group: 'user', steps })))
  await all(phase('before'))
  await caches.breakDatabase()
  await all(phase('during'))
  await caches.mendDatabase()
  // While a database is down, Homing lets one question a second through to it, and every one about a name it has never seen.
  t.equal(await caches.askHoming('back@x', 'p1', 'back'), 'refused')
  await all(phase('after'))
  await t.test('statistics and flush are told in the same words', t => sameWords(t, caches))
})

interface Sequence {
  readonly title: string
  /** The beginning of the user's name. */
  readonly group: string
  readonly steps: readonly Step[]
}

let sessions = 0

/** Asks both at every step. */
async function play(
  t: Test,
  caches: TwoCaches,
  { title, user, steps }: Sequence & { user: string },
): Promise<void> {
  for (const step of steps) {
    if (step === 'delete') await caches.deleteUser(user)
    else if (step === 'wait negative ttl') await sleep(ttl.negativeMs + SPARE_MS)
    else if (step === 'wait ttl') await sleep(ttl.positiveMs + SPARE_MS)
    else if ('set' in step) await caches.setPassword(user, step.set)
    else await compare(t, caches, `${title}: ${step.login}`, user, step)
  }
}

async function compare(t: Test, caches: TwoCaches, title: string, user: string, step: Login): Promise<void> {
  const session = `s${++sessions}`
  const before = await caches.dovecotQueries(user)
  const [homing, dovecot] = await Promise.all([
    caches.askHoming(user, step.login, session),
    caches.askDovecot(user, step.login),
  ])
  t.equal(dovecot, step.answer, `${title} at Dovecot`)
  t.equal(
    homing,
    step.homing?.answer ?? step.answer,
    `${title} at Homing: ${step.homing?.because ?? 'the same'}`,
  )
  if (step.homing) return
  const trace = await caches.homingTrace(session)
  t.equal(/\/hit$/.test(trace) ? 'hit' : 'query', step.from, `${title} at Homing: ${step.from} (${trace})`)
  const queries = (await caches.dovecotQueries(user)) - before
  t.equal(queries === 0 ? 'hit' : 'query', step.from, `${title} at Dovecot: ${step.from}`)
}

async function sameWords(t: Test, { homing, dovecot, signalDovecot }: TwoCaches): Promise<void> {
  homing.signal('SIGUSR2')
  signalDovecot('SIGUSR2')
  await homing.waitForLog('Authentication cache current size')
  homing.signal('SIGHUP')
  signalDovecot('SIGHUP')
  await homing.waitForLog('cache entries flushed')
  await sleep(500)
  const shape = (text: string) => text.replace(/\d+/g, 'N')
  const patterns = [
    /Authentication cache hits \d+\/\d+ \(\d+%\)/,
    /Authentication cache inserts: positive: \d+ entries \d+ bytes, negative: \d+ entries \d+ bytes/,
    /Authentication cache current size: \d+ bytes used of 1048576 bytes \(\d+%\)/,
    /SIGHUP received, \d+ cache entries flushed/,
  ]
  const ours = await homing.log()
  const theirs = dovecot.log()
  for (const pattern of patterns) {
    t.equal(shape(pattern.exec(ours)?.[0] ?? 'nothing'), shape(pattern.exec(theirs)?.[0] ?? 'nothing here'))
  }
}
