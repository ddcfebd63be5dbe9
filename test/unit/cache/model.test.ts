// The cache beside a simple model of it, over random histories: logins, lookups, changes, outages, flushes, and time.

import t from 'tap'
import type { ChainedPassdb } from '../../../src/auth/chained-passdb.js'
import { askToLookUp } from '../../../src/auth/lookup-credentials.js'
import { askToVerify } from '../../../src/auth/verify-plain.js'
import { createAuthCache } from '../../../src/cache/auth-cache.js'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import { noFields } from '../../../src/model/extra-fields.js'
import type { PassdbLookup } from '../../../src/model/passdb.js'
import { Password } from '../../../src/model/password.js'
import { ordinaryPassdb } from '../auth/ordinary-passdb.js'
import { settings } from './cached-engine.js'
import { type Chance, chance } from './random.js'

const HISTORIES = 100_000
const STEPS = 12
const TTL = 100
const NEGATIVE_TTL = 40

const users = ['anna', 'bob', 'carol']
const passwords = ['p1', 'p2'].map(text => ({ text, password: new Password(text) }))

/** What the database holds of a user: a password, nothing, or a locked account. */
type Row = { readonly password: string } | 'unknown' | 'user_disabled' | 'broken'

/** All there is to know about the cache, without its size: one line a user. */
interface ModelEntry {
  readonly password: string | undefined
  readonly at: number
  doubtful: boolean
}

class Model {
  now = 0
  isDown = false
  /** When the database was last found to be down; who has an entry waits a second before asking again. */
  foundDownAt: number | undefined
  readonly rows = new Map<string, Row>()
  readonly entries = new Map<string, ModelEntry>()

  /** Section by section as Dovecot's documentation has it; `password` is absent for a lookup. */
  ask(user: string, password?: string): string {
    const entry = this.entries.get(user)
    if (entry === undefined) return this.askDatabase(user, password, 'miss')
    const age = this.now - entry.at
    if (age > (entry.password === undefined ? NEGATIVE_TTL : TTL)) {
      if (this.isInVain()) return `${stale(entry, password)} stale`
      if (this.isDown) {
        this.foundDownAt = this.now
        return `${stale(entry, password)} stale`
      }
      return this.askDatabase(user, password, 'expired')
    }
    if (entry.password === undefined) return 'user_unknown hit'
    if (password === undefined) return 'ok hit'
    if (password === entry.password) {
      entry.doubtful = true
      return 'ok hit'
    }
    if (entry.doubtful || age > NEGATIVE_TTL) {
      return this.isInVain() ? 'internal_failure expired' : this.askDatabase(user, password, 'expired')
    }
    return 'password_mismatch hit'
  }

  isInVain(): boolean {
    return this.foundDownAt !== undefined && this.now - this.foundDownAt < 1000
  }

  askDatabase(user: string, password: string | undefined, word: string): string {
    if (this.isDown) {
      this.foundDownAt = this.now
      return `internal_failure ${word}`
    }
    this.foundDownAt = undefined
    const row = this.rows.get(user) ?? 'unknown'
    if (row === 'user_disabled' || row === 'broken') {
      this.entries.delete(user)
      return `${row === 'broken' ? 'internal_failure' : row} ${word}`
    }
    const stored = row === 'unknown' ? undefined : row.password
    const isRight = password === undefined || password === stored
    this.entries.set(user, { password: stored, at: this.now, doubtful: isRight })
    if (stored === undefined) return `user_unknown ${word}`
    return `${isRight ? 'ok' : 'password_mismatch'} ${word}`
  }
}

function stale(entry: ModelEntry, password: string | undefined): string {
  if (entry.password === undefined) return 'user_unknown'
  if (password === undefined) return 'ok'
  if (password !== entry.password) return 'internal_failure'
  entry.doubtful = true
  return 'ok'
}

function answerOf(row: Row): PassdbLookup {
  if (row === 'unknown') return { result: 'user_unknown' }
  if (row === 'user_disabled') return { result: 'user_disabled' }
  if (row === 'broken') return { result: 'internal_failure', reason: 'the row makes no sense' }
  return { result: 'ok', credentials: { stored: `{PLAIN}${row.password}` }, fields: noFields }
}

const randomRow = ({ below }: Chance): Row => {
  const which = below(8)
  if (which === 0) return 'user_disabled'
  if (which === 1) return 'unknown'
  if (which === 2) return 'broken'
  return { password: which % 2 === 0 ? 'p1' : 'p2' }
}

/** Runs one history on both; the first difference, or undefined. */
async function firstDifference(seed: number): Promise<string | undefined> {
  const random = chance(seed)
  const model = new Model()
  const clock = { now: () => model.now, unixSeconds: () => 0 }
  const cache = createAuthCache(
    {
      ...settings,
      auth_cache_ttl: TTL,
      auth_cache_negative_ttl: NEGATIVE_TTL,
      auth_cache_fast_verify: seed % 8 !== 0,
    },
    clock,
  )
  const outage: PassdbLookup = { result: 'internal_failure', cause: new Error('down') }
  const link: ChainedPassdb = {
    ...linkRules,
    passdb: {
      driver: 'fake',
      cacheKey: [],
      lookup: async ({ user }) => (model.isDown ? outage : answerOf(model.rows.get(user) ?? 'unknown')),
    },
  }
  const verifier = {
    verify: async (stored: string, password: Password) =>
      ({ verdict: stored === `{PLAIN}${password.reveal()}` ? 'match' : 'mismatch' }) as const,
  }
  for (const user of users) model.rows.set(user, randomRow(random))
  const story: string[] = []
  for (let step = 0; step < STEPS; step++) {
    const user = random.oneOf(users)
    const request: AuthRequest = { user, originalUser: user, protocol: 'imap', secured: 'tls' }
    const what = random.below(16)
    if (what < 9) {
      const { text, password } = random.oneOf(passwords)
      const asked = await askToVerify(password, verifier, clock, cache)(link, request, false, noFields)
      const expected = model.ask(user, text)
      const actual = `${asked.reply.result} ${asked.cache}`
      story.push(`${model.now} ${user} ${text}: ${actual}`)
      if (actual !== expected) return `${story.join('\n')}\nexpected ${expected}`
    } else if (what < 11) {
      const asked = await askToLookUp(clock, cache)(link, request, false, noFields)
      const expected = model.ask(user)
      const actual = `${asked.reply.result} ${asked.cache}`
      story.push(`${model.now} ${user} lookup: ${actual}`)
      if (actual !== expected) return `${story.join('\n')}\nexpected ${expected}`
    } else if (what < 13) {
      model.rows.set(user, randomRow(random))
    } else if (what === 13) {
      model.isDown = !model.isDown
    } else if (what === 14) {
      model.now += random.oneOf([1, NEGATIVE_TTL, NEGATIVE_TTL + 1, TTL, TTL + 1, 10 * TTL])
    } else {
      const flushed = cache?.flush([user])
      const expected = model.entries.delete(user) ? 1 : 0
      if (flushed !== expected) return `${story.join('\n')}\nflushed ${flushed} instead of ${expected}`
    }
  }
  return undefined
}

const linkRules: Omit<ChainedPassdb, 'passdb'> = {
  name: 'local',
  ...ordinaryPassdb,
}

t.test(
  `the cache answers as its model does, over ${HISTORIES} random histories`,
  { timeout: 300_000 },
  async t => {
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const difference = await firstDifference(seed)
      if (difference !== undefined) {
        t.fail(`history ${seed}`, { diff: difference })
        return
      }
    }
    t.pass()
  },
)

interface Listed {
  readonly key: string
  readonly bytes: number
}

t.test('bytes and order are those of a simple list, over 2,000 random histories', async t => {
  const { Answers } = await import('../../../src/cache/answers.js')
  const { entryBytes } = await import('../../../src/cache/entries.js')
  for (let seed = 1; seed <= 2000; seed++) {
    const random = chance(seed)
    const sizeBytes = 1024 + random.below(4096)
    const answers = new Answers(
      { sizeBytes, ttlMs: 1e9, negativeTtlMs: 1e9 },
      { now: () => 0, unixSeconds: () => 0 },
    )
    const lists: Record<'positive' | 'negative', Listed[]> = { positive: [], negative: [] }
    for (let step = 0; step < 100; step++) {
      const key = `k${random.below(12)}`
      const what = random.below(6)
      const at = (list: Listed[]) => list.findIndex(entry => entry.key === key)
      if (what < 3) {
        const value = what === 0 ? '' : 'v'.repeat(1 + random.below(600))
        answers.insert({ user: key, rest: 'P' }, value, 0, true)
        for (const list of Object.values(lists)) if (at(list) >= 0) list.splice(at(list), 1)
        const [list, limit] =
          value === ''
            ? [lists.negative, answers.negative.limitBytes]
            : [lists.positive, answers.positive.limitBytes]
        const bytes = entryBytes(key, value)
        if (bytes <= limit) {
          const sum = () => list.reduce((total, entry) => total + entry.bytes, 0)
          while (sum() + bytes > limit) list.shift()
          list.push({ key, bytes })
        }
      } else if (what < 5) {
        const found = answers.find({ user: key, rest: 'P' }) !== undefined
        for (const list of Object.values(lists)) if (at(list) >= 0) list.push(...list.splice(at(list), 1))
        if (found !== Object.values(lists).some(list => at(list) >= 0)) t.fail(`seed ${seed}: found ${found}`)
      } else {
        answers.forget({ user: key, rest: 'P' })
        for (const list of Object.values(lists)) if (at(list) >= 0) list.splice(at(list), 1)
      }
      for (const part of ['positive', 'negative'] as const) {
        const { size, bytes, limitBytes } = answers[part]
        const expected = lists[part].reduce((total, entry) => total + entry.bytes, 0)
        if (size !== lists[part].length || bytes !== expected || bytes > limitBytes) {
          t.fail(`seed ${seed}, step ${step}: ${part} has ${size} entries of ${bytes} bytes`)
          return
        }
      }
    }
  }
  t.pass()
})
