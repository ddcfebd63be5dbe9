// Fills a cache with so many entries as Homing makes them and prints, as JSON, what one of them takes and how long a hit
// lasts. Its argument is the number of entries; run it with --expose-gc.

import { readFileSync } from 'node:fs'
import { createAuthCache } from '../../src/cache/auth-cache.js'
import { systemClock } from '../../src/model/clock.js'
import type { Passdb, PassdbLookup } from '../../src/model/passdb.js'

const entries = Number(process.argv[2])
const HITS = 400_000

const cache = createAuthCache(
  {
    auth_cache_size: 8 * 1024 ** 3,
    auth_cache_ttl: 3_600_000,
    auth_cache_negative_ttl: 3_600_000,
    auth_cache_verify_password_with_worker: false,
    auth_cache_fast_verify: true,
    auth_cache_poll_interval: 1000,
  },
  systemClock,
)
if (!cache) throw new Error('no cache')

const nameOf = (index: number) => `p${String(index).padStart(7, '0')}@proxy.test`

/** A proxied user, every string a new one, as they come from a database. */
const passdb: Passdb = {
  driver: 'bench',
  cacheKey: ['protocol'],
  lookup: async ({ user }): Promise<PassdbLookup> => ({
    result: 'ok',
    fields: new Map([
      ['proxy', 'y'],
      ['host', 'backend1.example.com'],
      ['port', '143'],
      ['starttls', 'yes'],
      ['nodelay', 'y'],
      ['destuser', user.replace('proxy', 'backend')],
      ['proxy_nopipelining', 'y'],
      ['nopassword', 'y'],
    ]),
  }),
}
const ask = (index: number) => {
  const user = nameOf(index)
  const request = { user, originalUser: user, protocol: 'imap', secured: 'tls' } as const
  return cache.lookup({ name: 'proxy', passdb, request, asked: 'lookup' })
}

const before = residentBytes()
for (let index = 0; index < entries; index++) await ask(index)
const residentPerEntry = (residentBytes() - before) / entries

// A thousand users in turn, whatever the size: the same code runs and the same strings are made.
const active = Array.from({ length: 1000 }, (_, index) => Math.floor((index * entries) / 1000))
for (let hit = 0; hit < HITS; hit++) await ask(active[hit % 1000] ?? 0)
const startedAt = performance.now()
for (let hit = 0; hit < HITS; hit++) await ask(active[hit % 1000] ?? 0)
const hitMicros = ((performance.now() - startedAt) * 1000) / HITS

const accountedBytes = cache.stats().positive.bytes / entries
console.log(JSON.stringify({ residentBytes: residentPerEntry, accountedBytes, hitMicros }))

function residentBytes(): number {
  for (let i = 0; i < 4; i++) globalThis.gc?.()
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024
}
