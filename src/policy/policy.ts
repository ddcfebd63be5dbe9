// Should this login be tried at all? Guessing is slowed down and stopped; nobody locks anybody else out.

import { randomBytes } from 'node:crypto'
import type { Clock } from '../model/clock.js'
import { parseNetwork } from '../model/networks.js'
import type { StateStore } from '../state/state-store.js'
import { type Attempt, hidesPassword, type Report } from './attempt.js'
import { createLocalTries, isReached, pairHash } from './local-tries.js'
import { NetworkIndex } from './network-index.js'
import type { PolicyLists } from './policy-lists.js'
import type { PolicySettings } from './policy-settings.js'
import { homeOf, type PolicyRule, policyRules } from './rules.js'
import { createSharedTries } from './shared-tries.js'
import type { Counted, GroupPattern, Outcome, Question, Tally } from './try-store.js'

export interface Verdict {
  /** -1: refused; 0: go on; more: go on after so many seconds. Dovecot's words (auth-policy.c). */
  readonly status: number
  /** Which rule or list decided; `ok`: none. */
  readonly rule: string
}

export interface PolicyFigures {
  readonly groups: number
  readonly pairs: number
  readonly bytes: number
  /** Answers that were given without the shared store because it did not answer. */
  readonly withoutStore: number
}

export interface Policy {
  /** At once where nothing is shared, or else within the shared store's deadline. Never rejects. */
  allow(attempt: Attempt): Verdict | Promise<Verdict>
  /** As above. */
  report(report: Report): void | Promise<void>
  /** Forgets what is counted of a login, an address, or both. */
  reset(of: { readonly login?: string; readonly remote?: string }): Promise<void>
  /** Rule → how many are counted. */
  counts(of: { readonly login?: string; readonly remote?: string }): Promise<Readonly<Record<string, number>>>
  /** A pair of user and network, by its hash, was known so long ago: to another copy, or before a restart. */
  learn(pair: number, agoMs: number): void
  readonly lists: PolicyLists
  figures(): PolicyFigures
}

export interface PolicyDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly lists: PolicyLists
  /** With a shared one all copies count together. */
  readonly state?: StateStore
  /** Told of every login that succeeded, by the hash of its pair of user and network. */
  readonly succeeded?: (pair: number) => void
  /**
   * Whether the password of this very login could not be checked; asked once of each. Dovecot 2.3 reports that as a failure
   * like any other, and trouble on our side must not count as guessing.
   */
  readonly wasTrouble?: (attempt: Attempt) => boolean
}

const goOn: Verdict = { status: 0, rule: 'ok' }

/** Like no other, in no copy. */
const unique = (): string => randomBytes(9).toString('base64url')

export function createPolicy(settings: PolicySettings, deps: PolicyDeps): Policy {
  const { lists, clock, wasTrouble = () => false, succeeded = () => {} } = deps
  const windows = { windowMs: settings.policy_window, knownForMs: settings.policy_known_for }
  const local = createLocalTries({ ...windows, memoryBytes: settings.policy_memory, clock })
  const shared = deps.state?.commands && createSharedTries(deps.state.commands, windows)
  const rules = rulesOf(settings)
  const isTrusted = trustedPlaces(settings)
  const longestSecs = Math.floor(settings.policy_tarpit_max / 1000)
  let withoutStore = 0

  function questionOf(attempt: Attempt): NamedQuestion {
    const { remote } = attempt
    const hasPlace = remote !== undefined && !isTrusted(remote)
    const tallies: NamedTally[] = []
    for (const rule of rules) {
      const tally = rule.about === 'user' || hasPlace ? tallyOf(rule, attempt) : undefined
      if (tally) tallies.push(tally)
    }
    return remote === undefined ? { tallies } : { pair: pairOf(attempt), tallies }
  }

  /** Others let in tries that this copy does not see: it lets in half of what all would. */
  function withHalf(mine: readonly Counted[]): readonly Counted[] {
    withoutStore++
    return mine.map(({ count, limit }) => ({ count, limit: Math.ceil(limit / 2) }))
  }

  function allow(attempt: Attempt): Verdict | Promise<Verdict> {
    if (lists.find(attempt, 'allow')) return { status: 0, rule: 'allow list' }
    if (lists.find(attempt, 'block')) return { status: -1, rule: 'block list' }
    const question = questionOf(attempt)
    const mine = local.judgeNow(question)
    if (!shared) return verdictOf(question, mine)
    return shared
      .judge({ ...question, knownForMs: local.msKnown(question.pair) })
      .then(all => verdictOf(question, all ?? withHalf(mine)))
  }

  function verdictOf(question: NamedQuestion, counted: readonly Counted[]): Verdict {
    const full = counted.findIndex(isReached)
    if (full >= 0) return { status: -1, rule: question.tallies[full]?.rule ?? '' }
    return counted.reduce<Verdict>((worst, { count }, i) => {
      const tally = question.tallies[i]
      if (count === undefined || tally === undefined || tally.tarpit === 0) return worst
      const extra = counted[i] === undefined ? 0 : (counted[i]?.limit ?? 0) - tally.limit
      const secs = Math.min(longestSecs, count - tally.tarpit - Math.max(0, extra) + 1)
      return secs > worst.status ? { status: secs, rule: tally.rule } : worst
    }, goOn)
  }

  function report(told: Report): void | Promise<void> {
    if (told.policyReject || told.failType === 'policy') return
    const { tallies, pair } = questionOf(told)
    const outcome: Outcome = told.success
      ? {
          succeeded: true,
          pair,
          failed: [],
          forgiven: tallies.filter(isOfUser),
          allowances: allowancesOf(tallies, told.login),
        }
      : isGuess(told) && !(told.failType === '' && wasTrouble(told))
        ? {
            succeeded: false,
            pair,
            failed: tallies.map(tally => (tally.countsEach ? { ...tally, member: unique() } : tally)),
            forgiven: tallies.filter(({ countsEach }) => countsEach),
            allowances: [],
          }
        : { succeeded: false, pair, failed: [], forgiven: tallies.filter(isOfUser), allowances: [] }
    local.recordNow(outcome)
    if (told.success && pair !== undefined) succeeded(pairHash(pair))
    return shared?.record({ ...outcome, knownForMs: local.msKnown(pair) })
  }

  return {
    lists,
    learn: local.learn,
    allow,
    report,
    reset: async of => {
      const groups = groupsOf(rules, of)
      const alike = homesOf(rules, of)
      await local.forget(groups, alike)
      await shared?.forget(groups, alike)
    },
    counts: async of => {
      const named = rules.flatMap(rule => groupsOf([rule], of).map(group => ({ rule: rule.name, group })))
      const counts = await (shared ?? local).counts(named.map(({ group }) => group))
      return Object.fromEntries(named.map(({ rule }, i) => [rule, counts[i] ?? 0]))
    },
    figures: () => ({ groups: local.groups, pairs: local.pairs, bytes: local.bytes, withoutStore }),
  }
}

interface NamedQuestion extends Question {
  readonly tallies: readonly NamedTally[]
}

const isOfUser = ({ countsAtOnce }: Tally): boolean => countsAtOnce

/** Who logs in is known at the place: an office is not one address full of guessers. */
function allowancesOf(tallies: readonly Tally[], login: string): Outcome['allowances'] {
  const allowances: { group: string; member: string }[] = []
  for (const { allowance } of tallies) if (allowance) allowances.push({ group: allowance, member: login })
  return allowances
}

interface NamedTally extends Tally {
  readonly rule: string
  readonly tarpit: number
  readonly countsEach: boolean
}

function tallyOf(rule: PolicyRule, attempt: Attempt): NamedTally | undefined {
  const named = rule.groupOf(attempt)
  if (named === undefined) return undefined
  const group = `${rule.name} ${named}`
  return {
    rule: rule.name,
    group,
    member: rule.memberOf(attempt),
    limit: rule.reject,
    tarpit: rule.tarpit,
    spared: rule.spares && { group: rule.spares.groupOf(attempt), below: rule.spares.below },
    allowance: rule.about === 'place' ? `good ${group}` : undefined,
    forKnown: rule.forKnown,
    countsAtOnce: rule.about === 'user',
    countsEach: rule.countsEach === true && hidesPassword(attempt),
  }
}

function trustedPlaces({ policy_trusted_networks }: PolicySettings): (address: string) => boolean {
  const places = new NetworkIndex<true>()
  for (const entry of policy_trusted_networks) {
    const network = parseNetwork(entry)
    if (network) places.set(`${network.address}/${network.prefix}`, true)
  }
  return address => places.has(address)
}

/** The rules with the operator's limits, without those that are off. */
function rulesOf(settings: PolicySettings): readonly PolicyRule[] {
  return policyRules
    .map(rule => ({
      ...rule,
      tarpit: settings[`policy_${rule.name}_tarpit`],
      reject: settings[`policy_${rule.name}_reject`],
    }))
    .filter(({ tarpit, reject }) => tarpit > 0 || reject > 0)
}

const pairOf = (attempt: Attempt): string => `${homeOf(attempt)} ${attempt.login}`

/** Which failures say that somebody guessed. 2.3 gives no reason. */
const isGuess = ({ failType }: Report): boolean =>
  failType === '' || failType === 'credentials' || failType === 'account'

function groupsOf(
  rules: readonly PolicyRule[],
  { login, remote }: { readonly login?: string; readonly remote?: string },
): string[] {
  return rules.flatMap(rule => {
    const named = rule.about === 'user' ? login !== undefined : login === undefined && remote !== undefined
    if (!named || (rule.atHome && remote === undefined)) return []
    const group = rule.groupOf({ login: login ?? '', pwhash: '', ...(remote !== undefined && { remote }) })
    return group === undefined ? [] : [`${rule.name} ${group}`]
  })
}

/** Groups of a user wherever the user is known, or of whoever is known at an address. */
function homesOf(
  rules: readonly PolicyRule[],
  { login, remote }: { readonly login?: string; readonly remote?: string },
): GroupPattern[] {
  if (login !== undefined && remote !== undefined) return []
  return rules
    .filter(({ atHome }) => atHome)
    .map(({ name }) =>
      login === undefined
        ? { begins: `${name} ${homeOf({ remote })} `, ends: '' }
        : { begins: `${name} `, ends: ` ${login}` },
    )
}
