// What operators see of the policy.

import { Counter, Gauge, type Registry } from 'prom-client'

/** Counts since the start; rule names are few and ours. */
export interface PolicyMetrics {
  readonly allowed: number
  readonly refused: ReadonlyMap<string, number>
  readonly delayed: ReadonlyMap<string, number>
  readonly degraded: number
  readonly withoutStore: number
  readonly reports: { readonly success: number; readonly failure: number }
  readonly groups: number
  readonly pairs: number
  readonly bytes: number
}

export function registerPolicy(registry: Registry, figures: () => PolicyMetrics): void {
  const registers = [registry]
  new Counter({
    name: 'homing_policy_verdicts_total',
    help: 'What the policy said of logins, and which rule or list decided',
    labelNames: ['verdict', 'rule'],
    registers,
    collect() {
      this.reset()
      const { allowed, refused, delayed } = figures()
      this.inc({ verdict: 'allow', rule: 'ok' }, allowed)
      for (const [rule, count] of refused) this.inc({ verdict: 'reject', rule }, count)
      for (const [rule, count] of delayed) this.inc({ verdict: 'tarpit', rule }, count)
    },
  })
  counter(
    'homing_policy_degraded_total',
    'Logins let in because there was no verdict within 100 ms',
    'degraded',
  )
  counter(
    'homing_policy_without_store_total',
    'Verdicts of this copy alone, with half the limits, because Valkey did not answer',
    'withoutStore',
  )
  new Counter({
    name: 'homing_policy_reports_total',
    help: 'Logins that were reported, by whether they succeeded',
    labelNames: ['success'],
    registers,
    collect() {
      this.reset()
      const { reports } = figures()
      this.inc({ success: 'true' }, reports.success)
      this.inc({ success: 'false' }, reports.failure)
    },
  })
  gauge('homing_policy_groups', 'Users, addresses and networks that are counted', 'groups')
  gauge('homing_policy_known_pairs', 'Pairs of a user and a network the user has logged in from', 'pairs')
  gauge('homing_policy_bytes', 'Memory the counters are accounted for', 'bytes')

  function counter(name: string, help: string, key: 'degraded' | 'withoutStore'): void {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(figures()[key])
      },
    })
  }

  function gauge(name: string, help: string, key: 'groups' | 'pairs' | 'bytes'): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(figures()[key])
      },
    })
  }
}
