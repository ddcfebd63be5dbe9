// Fills a cache with so many entries as Homing makes them and prints, as JSON, what one of them takes and how long a hit
// lasts. Its argument is the number of entries; run it with --expose-gc.

import { readFileSync } from 'node:fs'
import { nameOfProxied, openBigCache, proxiedPassdb } from './proxied-users.js'

const entries = Number(process.argv[2])
const HITS = 400_000

const cache = openBigCache()
const ask = (index: number) => {
  const user = nameOfProxied(index)
  const request = { user, originalUser: user, protocol: 'imap', secured: 'tls' } as const
  return cache.lookup({ name: 'proxy', passdb: proxiedPassdb, request, asked: 'lookup' })
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
