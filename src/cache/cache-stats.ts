// How the cache is doing, as figures and in the words of Dovecot's log.

import type { Answers } from './answers.js'
import type { Counts } from './counts.js'

export interface CacheStats extends Readonly<Counts> {
  readonly sizeBytes: number
  readonly positive: ShareStats
  readonly negative: ShareStats
}

/** One of the two parts just now; evictions since the start. */
export interface ShareStats {
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
}

export function statsOf({ positive, negative }: Answers, counts: Readonly<Counts>): CacheStats {
  const share = ({ size, bytes, evictions }: Answers['positive']) => ({ entries: size, bytes, evictions })
  return {
    ...counts,
    sizeBytes: positive.limitBytes + negative.limitBytes,
    positive: share(positive),
    negative: share(negative),
  }
}

/** The three lines that SIGUSR2 makes Dovecot's auth process log (auth-cache.c:sig_auth_cache_stats, 2.3.19). */
export function statsLines(stats: CacheStats): readonly string[] {
  const hits = stats.hits + stats.negativeHits
  const total = hits + stats.misses + stats.expired
  const used = stats.positive.bytes + stats.negative.bytes
  return [
    `Authentication cache hits ${hits}/${total} (${percent(hits, total)}%)`,
    `Authentication cache inserts: positive: ${stats.positiveInserts} entries ${stats.positiveBytes} bytes, ` +
      `negative: ${stats.negativeInserts} entries ${stats.negativeBytes} bytes`,
    `Authentication cache current size: ${used} bytes used of ${stats.sizeBytes} bytes (${percent(used, stats.sizeBytes)}%)`,
  ]
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.floor((part * 100) / whole)
}
