// The policy as a server has it: an answer in time, whatever happens, and counts of what was answered.

import type { Attempt, Report } from './attempt.js'
import type { Policy, PolicyFigures, Verdict } from './policy.js'
import type { NameOf, WhoseOf } from './read-request.js'
import { RecentNames } from './recent-names.js'
import type { StoredLists } from './stored-lists.js'

export interface PolicyCounts {
  /** By what decided: a rule's name, `allow list`, `block list`, `ok`. */
  readonly refused: ReadonlyMap<string, number>
  readonly delayed: ReadonlyMap<string, number>
  readonly allowed: number
  /** Let in because there was no answer in time. */
  readonly degraded: number
  readonly reports: { readonly success: number; readonly failure: number }
}

export interface PolicyServer {
  /** Within 100 ms, and never rejects: without an answer the login goes on. */
  allow(attempt: Attempt): Promise<Verdict>
  report(report: Report): Promise<void>
  /** A Dovecot asked about this session: nobody need ask again. */
  askedAbout(session: string): void
  wasAskedAbout(session: string): boolean
  readonly nameOf: NameOf
  readonly whoseOf: WhoseOf
  readonly policy: Policy
  readonly stored: StoredLists
  counts(): PolicyCounts & PolicyFigures
}

export interface PolicyServerDeps {
  /** Told of logins that are refused; the first of each rule and minute. */
  readonly refused: (attempt: Attempt, rule: string) => void
  readonly reportBug: (where: string, error: unknown) => void
  readonly nameOf: NameOf
  readonly whoseOf: WhoseOf
}

const DEADLINE_MS = 100
/** An attack must not fill the log. */
const SILENCE_MS = 60_000

export function createPolicyServer(
  policy: Policy,
  stored: StoredLists,
  deps: PolicyServerDeps,
): PolicyServer {
  const refused = new Map<string, number>()
  const delayed = new Map<string, number>()
  const reports = { success: 0, failure: 0 }
  const toldAt = new Map<string, number>()
  let allowed = 0
  let degraded = 0

  function count(attempt: Attempt, { status, rule }: Verdict): void {
    if (status === 0) {
      allowed++
      return
    }
    const counts = status < 0 ? refused : delayed
    counts.set(rule, (counts.get(rule) ?? 0) + 1)
    const now = performance.now()
    if (status > 0 || now - (toldAt.get(rule) ?? Number.NEGATIVE_INFINITY) < SILENCE_MS) return
    toldAt.set(rule, now)
    deps.refused(attempt, rule)
  }

  const sessions = new RecentNames()
  return {
    askedAbout: session => sessions.add(session),
    wasAskedAbout: session => sessions.has(session),
    nameOf: deps.nameOf,
    whoseOf: deps.whoseOf,
    policy,
    stored,
    allow: async attempt => {
      const verdict = await inTime(
        () => policy.allow(attempt),
        error => deps.reportBug('policy allow', error),
      )
      if (verdict === undefined) degraded++
      count(attempt, verdict ?? goOn)
      return verdict ?? goOn
    },
    report: async report => {
      reports[report.success ? 'success' : 'failure']++
      await inTime(
        () => policy.report(report),
        error => deps.reportBug('policy report', error),
      )
    },
    counts: () => ({ refused, delayed, allowed, degraded, reports, ...policy.figures() }),
  }
}

const goOn: Verdict = { status: 0, rule: 'ok' }

/** What it comes to; undefined when that takes too long or fails. */
async function inTime<T>(
  ask: () => T | Promise<T>,
  failed: (error: unknown) => void,
): Promise<T | undefined> {
  let asked: T | Promise<T>
  try {
    asked = ask()
  } catch (error) {
    failed(error)
    return undefined
  }
  if (!(asked instanceof Promise)) return asked
  return untilDeadline(asked, failed)
}

function untilDeadline<T>(asked: Promise<T>, failed: (error: unknown) => void): Promise<T | undefined> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, DEADLINE_MS, undefined)
    asked
      .then(resolve, error => {
        failed(error)
        resolve(undefined)
      })
      .finally(() => clearTimeout(timer))
  })
}
