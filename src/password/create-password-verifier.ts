// Puts schemes and hash pool together: the verifier that the engine asks.

import { availableParallelism } from 'node:os'
import { CommonestHash } from './commonest-hash.js'
import { HashPool } from './hash-pool.js'
import type { HashOutcome } from './hash-task.js'
import type { Comparison } from './password-scheme.js'
import { defaultPasswordSettings, type PasswordSettings } from './password-settings.js'
import type { PasswordVerdict, PasswordVerifier, VerifyContext } from './password-verifier.js'
import { createRehash } from './rehash.js'
import { SharedVerifications } from './shared-verification.js'
import { prepareComparison } from './verify-password.js'

export interface PasswordVerifierOptions extends Partial<PasswordSettings> {
  /** The hash worker's program; another one in tests. */
  readonly hashProgram?: URL
}

const mismatch: PasswordVerdict = { verdict: 'mismatch' }
const match: PasswordVerdict = { verdict: 'match' }
const givenUp: PasswordVerdict = { verdict: 'unavailable', reason: 'the request was given up' }
/** The thread goes on; who asks again soon may find it done. */
const tookTooLong: PasswordVerdict = {
  verdict: 'unavailable',
  reason: 'the hash was not computed in time',
  retryAfterSecs: 1,
}

/** Starts nothing yet: threads come with `warmUp` or with the first slow hash. */
export function createPasswordVerifier(options: PasswordVerifierOptions = {}): PasswordVerifier {
  const settings = { ...defaultPasswordSettings, ...options }
  const pool = poolOf(settings, options.hashProgram)
  let late = 0
  const shared = new SharedVerifications<PasswordVerdict>({
    timeoutMs: settings.auth_hash_timeout,
    late: () => {
      late++
      return tookTooLong
    },
    givenUp,
  })
  const rehash = createRehash(settings, pool)
  const commonest = new CommonestHash()

  /** Asks the pool, or answers at once. Calls `compared` when the two were compared in truth. */
  function compare(
    stored: string,
    comparison: Comparison,
    password: Buffer,
    context: VerifyContext,
    compared: () => void,
  ): PasswordVerdict | Promise<PasswordVerdict> {
    if (comparison.kind === 'refused') return { verdict: comparison.verdict, reason: comparison.reason }
    const longest = comparison.kind === 'slow' ? comparison.passwordMax : undefined
    const isTooLong = password.length > Math.min(longest ?? Infinity, settings.auth_password_max_length)
    if (isTooLong) return mismatch
    if (comparison.kind === 'locked') return compareNothing(password, context)
    if (comparison.kind === 'cheap') {
      compared()
      return comparison.matches(password, context.originalUser ?? context.user) ? match : mismatch
    }
    return shared.run(stored, password, context.signal, () => {
      const { outcome, giveUp } = pool.submit({ hash: comparison.hash, password, user: context.user })
      const result = outcome.then(known => {
        if ('digest' in known) compared()
        return verdictOf(known, comparison)
      })
      return { result, giveUp }
    })
  }

  /** For whoever has no password that could be compared. */
  async function compareNothing(password: Buffer, context: VerifyContext): Promise<PasswordVerdict> {
    const stored = settings.auth_unknown_user_hash ? commonest.get() : undefined
    if (stored === undefined) return mismatch
    // Every step of `verify`, reading the stored value too: a hash takes so little that the rest is measurable.
    const comparison = prepareComparison(stored, settings)
    const compared = () => commonest.pass(stored, comparison)
    // Under a name of its own, so that it joins no verification of whoever has this value.
    const verdict = await compare(`${stored} ${context.user}`, comparison, password, context, compared)
    return verdict.verdict === 'unavailable' ? verdict : mismatch
  }

  return {
    verify(stored, password, context) {
      const comparison = prepareComparison(stored, settings)
      const compared = () => commonest.note(stored, comparison)
      return compare(stored, comparison, password.reveal(), context, compared)
    },
    verifyNothing: async (password, context) => compareNothing(password.reveal(), context),
    compute: (hash, password, { user }) => pool.submit({ hash, password, user }).outcome,
    ...(rehash && { rehash }),
    warmUp: () => pool.warmUp(),
    describe: () => describe(pool),
    stats: () => {
      const { timedOut, ...stats } = pool.stats
      return { ...stats, timedOut: timedOut + late }
    },
    close: () => pool.close(),
  }
}

function verdictOf(outcome: HashOutcome, comparison: Extract<Comparison, { kind: 'slow' }>): PasswordVerdict {
  if ('notAvailable' in outcome) return { verdict: 'scheme_not_available', reason: outcome.notAvailable }
  if ('unavailable' in outcome) {
    const { unavailable: reason, ...rest } = outcome
    return { verdict: 'unavailable', reason, ...rest }
  }
  return comparison.matches(outcome.digest) ? match : mismatch
}

function poolOf(settings: PasswordSettings, program: URL | undefined): HashPool {
  return new HashPool({
    threads: settings.auth_hash_workers || spareCores(),
    queueLimit: settings.auth_hash_queue_limit,
    timeoutMs: settings.auth_hash_timeout,
    maxWaitMs: settings.auth_hash_max_wait,
    timeLimitMs: settings.auth_hash_time_limit,
    memoryLimitBytes: settings.auth_hash_memory_limit,
    ...(program ? { program } : {}),
  })
}

/**
 * All but one, which answers meanwhile what needs no hash: with a thread on each of two cores lookups take three times as
 * long, and a third more hashes are made at most (`npm run bench -- hash-load`).
 */
const spareCores = (): number => Math.max(1, availableParallelism() - 1)

function describe({ capabilities }: HashPool): string[] {
  if (!capabilities) return []
  const chosen = Object.entries(capabilities.engines).map(([scheme, engine]) => `${scheme} by ${engine}`)
  return [...chosen, ...capabilities.refused.map(refused => `passed over: ${refused}`)]
}
