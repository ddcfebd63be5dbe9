// Every metric, its name and its help. The hot path counts in plain arrays; prom-client only prints them.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { AuthEvent } from '../model/auth-event.js'
import { finalResults } from '../model/passdb-result.js'
import { createHistogram } from './histogram.js'
import { type PolicyMetrics, registerPolicy } from './policy-metrics.js'

const questions = ['verify', 'lookup', 'userdb'] as const

/** What the metrics show of the auth cache; counts since the start. */
export interface CacheFigures {
  readonly lookups: Readonly<Record<CacheLookup, number>>
  readonly staleServed: number
  readonly fastVerifications: number
  readonly positive: CacheShareFigures
  readonly negative: CacheShareFigures
}

const cacheLookups = ['hit', 'negative_hit', 'miss', 'expired'] as const
type CacheLookup = (typeof cacheLookups)[number]

interface CacheShareFigures {
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
}

export interface Metrics {
  /** From now on these are among the metrics: families in Prometheus' text format, each ended by a line break. */
  watch(format: () => string | Promise<string>): void
  /** From now on the auth cache's figures are among the metrics. */
  watchCache(figures: () => CacheFigures): void
  /** From now on it is among the metrics for how long changes of accounts were not read; undefined: they never were. */
  watchChanges(behindMs: () => number | undefined): void
  /** From now on the policy's figures are among the metrics. */
  watchPolicy(figures: () => PolicyMetrics): void
  /** Counts one answered question. Cheap: a few additions. */
  countAuth(event: AuthEvent): void
  /** Counts an exception that should never have happened. */
  countBug(): void
  /** The exposition format of Prometheus. No user, address or host is in any label. */
  text(): Promise<{ contentType: string; text: string }>
}

/** A registry of its own, so that several services in one process do not mix their counts. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'homing_' })
  const counts = questions.map(() => new Float64Array(finalResults.length))
  const durations = createHistogram(
    'homing_auth_request_duration_seconds',
    'Time from the parsed request to the verdict',
    'question',
    questions,
  )
  const watched: (() => string | Promise<string>)[] = []
  let bugs = 0

  new Counter({
    name: 'homing_auth_requests_total',
    help: 'Answered questions by question and result, in the words of Dovecot',
    labelNames: ['question', 'result'],
    registers: [registry],
    collect() {
      this.reset()
      questions.forEach((question, q) => {
        finalResults.forEach((result, r) => {
          this.inc({ question, result }, counts[q]?.[r] ?? 0)
        })
      })
    },
  })
  new Counter({
    name: 'homing_bugs_total',
    help: 'Exceptions that should never have happened; each was answered as internal_failure',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(bugs)
    },
  })

  return {
    countAuth: event => {
      const q = questions.indexOf(event.question)
      const row = counts[q]
      if (!row) return
      const r = finalResults.indexOf(event.result)
      row[r] = (row[r] ?? 0) + 1
      durations.observe(event.question, event.ms / 1000)
    },
    watch: format => {
      watched.push(format)
    },
    watchPolicy: figures => registerPolicy(registry, figures),
    watchCache: figures => registerCache(registry, figures),
    watchChanges: behindMs => registerChanges(registry, behindMs),
    countBug: () => {
      bugs++
    },
    text: async () => ({
      contentType: registry.contentType,
      text: `${await registry.metrics()}${durations.format()}${await formatAll(watched)}`,
    }),
  }
}

function registerChanges(registry: Registry, behindMs: () => number | undefined): void {
  new Gauge({
    name: 'homing_auth_cache_behind_seconds',
    help: 'How long ago the table of changes was last read: what is cached may be out of date for as long; NaN: never yet',
    registers: [registry],
    collect() {
      const behind = behindMs()
      this.set(behind === undefined ? Number.NaN : behind / 1000)
    },
  })
}

function registerCache(registry: Registry, figures: () => CacheFigures): void {
  const registers = [registry]
  const shares = ['positive', 'negative'] as const
  new Counter({
    name: 'homing_auth_cache_lookups_total',
    help: 'What the auth cache had for a question to a passdb or userdb; negative_hit: it knew that there is no such user',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      const { lookups } = figures()
      for (const result of cacheLookups) this.inc({ result }, lookups[result])
    },
  })
  new Counter({
    name: 'homing_auth_cache_stale_served_total',
    help: 'Expired entries that answered because the database did not',
    registers,
    collect() {
      this.reset()
      this.inc(figures().staleServed)
    },
  })
  new Counter({
    name: 'homing_auth_cache_fast_verifications_total',
    help: 'Passwords that were known to be right by their digest',
    registers,
    collect() {
      this.reset()
      this.inc(figures().fastVerifications)
    },
  })
  new Counter({
    name: 'homing_auth_cache_evictions_total',
    help: 'Entries that had to leave for others, by part: found users and unknown names',
    labelNames: ['part'],
    registers,
    collect() {
      this.reset()
      for (const part of shares) this.inc({ part }, figures()[part].evictions)
    },
  })
  for (const [name, what] of [
    ['entries', 'Entries in the auth cache'],
    ['bytes', 'Bytes they are accounted for'],
  ] as const) {
    new Gauge({
      name: `homing_auth_cache_${name}`,
      help: `${what}, by part: found users and unknown names`,
      labelNames: ['part'],
      registers,
      collect() {
        for (const part of shares) this.set({ part }, figures()[part][name])
      },
    })
  }
}

async function formatAll(watched: readonly (() => string | Promise<string>)[]): Promise<string> {
  return (await Promise.all(watched.map(format => format()))).join('')
}
