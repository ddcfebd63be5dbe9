// The engine with its cache, above a database that a test changes and breaks, on a clock that it moves.

import type { Auth } from '../../../src/auth/auth.js'
import type { ChainedPassdb } from '../../../src/auth/chained-passdb.js'
import { createAuth } from '../../../src/auth/create-auth.js'
import { createChain } from '../../../src/auth/passdb-chain.js'
import { type AuthCache, createAuthCache } from '../../../src/cache/auth-cache.js'
import type { CacheSettings } from '../../../src/cache/cache-settings.js'
import type { AuthEvent } from '../../../src/model/auth-event.js'
import type { AuthRequest } from '../../../src/model/auth-request.js'
import type { CacheKeyPart, PassdbLookup } from '../../../src/model/passdb.js'
import { Password } from '../../../src/model/password.js'
import { ordinaryPassdb } from '../auth/ordinary-passdb.js'

export const settings: CacheSettings = {
  auth_cache_size: 1024 * 1024,
  auth_cache_ttl: 3_600_000,
  auth_cache_negative_ttl: 300_000,
  auth_cache_verify_password_with_worker: false,
  auth_cache_fast_verify: true,
  auth_cache_poll_interval: 1000,
}

/** One passdb's database. */
export class FakeDatabase {
  readonly users = new Map<string, PassdbLookup>()
  isDown = false
  queries = 0
  /** Set: an answer waits for this. */
  gate: Promise<void> | undefined

  set(user: string, password: string, fields: Record<string, string> = {}): void {
    const credentials = { stored: `{PLAIN}${password}` }
    this.users.set(user, { result: 'ok', credentials, fields: new Map(Object.entries(fields)) })
  }

  async lookup({ user }: AuthRequest): Promise<PassdbLookup> {
    this.queries++
    const answer: PassdbLookup = this.isDown
      ? { result: 'internal_failure', cause: new Error('connection refused') }
      : (this.users.get(user) ?? { result: 'user_unknown' })
    await this.gate
    return answer
  }
}

export interface CachedEngine {
  readonly auth: Auth
  readonly cache: AuthCache | undefined
  readonly events: readonly AuthEvent[]
  /** How often a password was compared the slow way. */
  compared(): number
  /** Milliseconds. */
  wait(ms: number): void
  /** The result, the cache's part in each step (`hit`, `miss hit`), and how many queries that took. */
  login(user: string, password: string, more?: Partial<AuthRequest>): Promise<string>
  lookup(user: string): Promise<string>
}

export interface Link extends Partial<ChainedPassdb> {
  readonly database: FakeDatabase
  readonly cacheKey?: readonly CacheKeyPart[]
}

export function cachedEngine(
  links: Record<string, Link>,
  changed: Partial<CacheSettings> = {},
): CachedEngine {
  let now = 1000
  let compared = 0
  const clock = { now: () => now, unixSeconds: () => 1_700_000_000 }
  const cache = createAuthCache({ ...settings, ...changed }, clock)
  const events: AuthEvent[] = []
  const databases = Object.values(links).map(({ database }) => database)
  const auth = createAuth({
    chain: createChain(Object.entries(links).map(([name, link]) => chained(name, link))),
    userdbs: [],
    usernameRules: { normalise: user => ({ user }), normaliseStored: user => user },
    masterUserSeparator: '*',
    verifier: {
      verify: async (stored, password) => {
        compared++
        return { verdict: stored === `{PLAIN}${password.reveal()}` ? 'match' : 'mismatch' }
      },
      verifyNothing: async () => ({ verdict: 'mismatch' }),
    },
    clock,
    ...(cache && { cache }),
    report: event => void events.push(event),
  })
  const counted = async (ask: () => Promise<{ result: string }>) => {
    const before = databases.map(({ queries }) => queries)
    const { result } = await ask()
    const queries = databases.reduce((sum, database, i) => sum + database.queries - (before[i] ?? 0), 0)
    const words = events.at(-1)?.trace.map(step => step.cache) ?? []
    return `${result} ${words.join(' ')} ${queries}`
  }
  const request = { protocol: 'imap', secured: 'tls' } as const
  return {
    auth,
    cache,
    events,
    compared: () => compared,
    wait: ms => {
      now += ms
    },
    login: (user, password, more) =>
      counted(() => auth.authenticate({ ...request, user, ...more }, new Password(password))),
    lookup: user => counted(() => auth.lookupPassdb({ ...request, user })),
  }
}

function chained(name: string, { database, cacheKey = [], ...link }: Link): ChainedPassdb {
  return {
    name,
    passdb: { driver: 'fake', cacheKey, lookup: request => database.lookup(request) },
    ...ordinaryPassdb,
    ...link,
  }
}
