// The auth cache: asks a passdb or a userdb only when it must, by Dovecot's rules, and answers for it while its database is down.
// Source: passdb-cache.c, auth-cache.c, auth-request.c:auth_request_save_cache, Dovecot 2.3.19.

import type { AuthRequest } from '../model/auth-request.js'
import type { Clock } from '../model/clock.js'
import type { Passdb, PassdbLookup, Refusal } from '../model/passdb.js'
import { answerText, readAnswerText } from './answer-text.js'
import { Answers, type AnswersOptions, UNKNOWN } from './answers.js'
import { type CacheKey, type CacheSource, cacheKey } from './cache-key.js'
import type { CacheSettings } from './cache-settings.js'
import { type CacheStats, statsOf } from './cache-stats.js'
import { CachedPassword } from './cached-password.js'
import { countsSince, noCounts } from './counts.js'
import type { Entry } from './entries.js'
import { Flights, type Joined } from './flights.js'
import { isMeantBy } from './flush-masks.js'
import { type Outage, Outages } from './outages.js'

export interface PassdbQuestion {
  /** The passdb's name in the configuration. */
  readonly name: string
  readonly passdb: Pick<Passdb, 'cacheKey' | 'lookup'>
  /** A userdb is asked in the same way, and what it says is kept apart. */
  readonly kind?: CacheSource['kind']
  readonly request: AuthRequest
  /** A lookup shows what is stored and compares nothing. */
  readonly asked: 'verify' | 'lookup'
  /** Do not believe the entry that is there: a wrong password made it doubtful. */
  readonly again?: boolean
}

export interface CachedLookup {
  readonly found: PassdbLookup
  /**
   * `none`: this passdb is never cached. `expired`: there was an entry, and the database was asked again. `stale`: it was
   * asked in vain, and the expired entry answered.
   */
  readonly cache: 'none' | 'hit' | 'miss' | 'expired' | 'stale'
  /** What is known of the user's password; absent where nothing was kept. */
  readonly password?: CachedPassword | undefined
  /** With `stale`: why the database did not answer. */
  readonly failure?: Refusal<'internal_failure'> | undefined
  /** The database had been asked, for somebody else, before this question came. */
  readonly isOlder?: boolean | undefined
}

export interface AuthCache {
  /** Answers from the cache, at once, or asks the passdb; rejects only when the passdb does. */
  lookup(question: PassdbQuestion): CachedLookup | Promise<CachedLookup>
  /** Forgets the users that a mask matches (`*` and `?`), everybody without masks; how many entries that were. */
  flush(masks?: readonly string[]): number
  /** Forgets all that is kept about these very users, over every protocol and as whomever; how many entries that were. */
  forgetUsers(users: readonly string[]): number
  /** Since the start. */
  stats(): CacheStats
  /** Since the last reset. */
  statsSinceReset(): CacheStats
  /** Nothing is forgotten; the counts of statsSinceReset begin at 0 again. */
  resetStats(): void
}

/** The cache that the settings ask for; undefined when they ask for none, as in Dovecot. */
export function createAuthCache(settings: CacheSettings, clock: Clock): AuthCache | undefined {
  if (settings.auth_cache_size === 0 || settings.auth_cache_ttl === 0) return undefined
  const options: AnswersOptions = {
    sizeBytes: settings.auth_cache_size,
    ttlMs: settings.auth_cache_ttl,
    negativeTtlMs: settings.auth_cache_negative_ttl,
  }
  const answers = new Answers(options, clock)
  let atReset = noCounts()
  const flights = new Flights<Fresh>()
  const outages = new Outages()
  const passwordOf = (entry: Entry) => new CachedPassword(entry, answers, settings.auth_cache_fast_verify)

  return {
    lookup: question => {
      const { kind = 'P', name, passdb, request, again } = question
      if (passdb.cacheKey === undefined) return uncached(question)
      const key = cacheKey({ kind, name }, request, passdb.cacheKey)
      const known = again ? undefined : answers.find(key)
      if (known && !known.expired) return hit(known.entry)
      return ask(key, question, known !== undefined)
    },
    flush: masks => {
      const isMeant = isMeantBy(masks)
      flights.callBack(isMeant)
      let forgotten = 0
      for (const user of answers.users()) if (isMeant(user)) forgotten += answers.forgetUser(user)
      return forgotten
    },
    forgetUsers: users => {
      if (users.length === 0) return 0
      const meant = new Set(users)
      flights.callBack(user => meant.has(user))
      let forgotten = 0
      for (const user of meant) forgotten += answers.forgetUser(user)
      return forgotten
    },
    stats: () => statsOf(answers, answers.counts),
    statsSinceReset: () => statsOf(answers, countsSince(atReset, answers.counts)),
    resetStats: () => {
      atReset = { ...answers.counts }
    },
  }

  async function uncached({ passdb, request }: PassdbQuestion): Promise<CachedLookup> {
    return { found: await passdb.lookup(request), cache: 'none' }
  }

  async function ask(key: CacheKey, question: PassdbQuestion, wasKnown: boolean): Promise<CachedLookup> {
    const again = question.again === true
    const mayFallBack = wasKnown || again
    const standing = mayFallBack ? outages.standing(sourceOf(question), clock.now()) : undefined
    const { answer, isOlder } = standing ? unasked(standing) : askOnce(key, question)
    const { found, entry } = await answer
    const cache = mayFallBack ? 'expired' : 'miss'
    if (entry && !entry.gone) return { found, cache, password: passwordOf(entry), isOlder }
    const stale = again ? undefined : fallback(key, found)
    return stale ?? { found, cache, isOlder }
  }

  function hit(entry: Entry): CachedLookup {
    if (entry.value === UNKNOWN) return { found: { result: 'user_unknown' }, cache: 'hit' }
    return { found: foundIn(entry), cache: 'hit', password: passwordOf(entry) }
  }

  function foundIn({ value }: Entry): PassdbLookup {
    const { credentials, fields } = readAnswerText(value)
    return credentials === undefined ? { result: 'ok', fields } : { result: 'ok', credentials, fields }
  }

  function askOnce(key: CacheKey, question: PassdbQuestion): Joined<Fresh> {
    const { passdb, request, asked } = question
    return flights.join(key, async isCurrent => {
      const askedAt = clock.now()
      const found = await passdb.lookup(request)
      if (isOutage(found)) {
        outages.failed(sourceOf(question), found, clock.now())
        return { found }
      }
      outages.answered(sourceOf(question))
      if (!isCurrent()) return { found }
      const value = keptValue(found)
      if (value !== undefined)
        return { found, entry: answers.insert(key, value, askedAt, asked === 'lookup') }
      answers.forget(key)
      return { found }
    })
  }

  /** "Falling back to expired data from cache" (auth-request.c). */
  function fallback(key: CacheKey, failure: PassdbLookup): CachedLookup | undefined {
    if (!isOutage(failure)) return undefined
    const entry = answers.peek(key)
    if (entry === undefined) return undefined
    answers.counts.staleServed++
    return { ...hit(entry), cache: 'stale', failure }
  }
}

interface Fresh {
  readonly found: PassdbLookup
  /** Absent: an answer that is not kept. */
  readonly entry?: Entry
}

function unasked(found: Outage): Joined<Fresh> {
  return { answer: Promise.resolve({ found }), isOlder: false }
}

function sourceOf({ kind = 'P', name }: PassdbQuestion): string {
  return `${kind}${name}`
}

/** The database did not answer. Trouble without a cause is an answer: a row that makes no sense. */
function isOutage(found: PassdbLookup): found is Outage {
  return found.result === 'internal_failure' && found.cause !== undefined
}

/** Kept are users who can log in and names that nobody has. What a disabled or broken account had is forgotten. */
function keptValue(found: PassdbLookup): string | undefined {
  if (found.result === 'ok') return answerText(found)
  return found.result === 'user_unknown' ? UNKNOWN : undefined
}
