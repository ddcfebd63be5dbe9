// The policy of a running service: its rules, what the database keeps for them, and what it tells of itself.

import { randomBytes } from 'node:crypto'
import { splitNames } from '../auth/master-user.js'
import type { HomingConfig } from '../config/program-schema.js'
import type { Database } from '../database/open-database.js'
import { systemClock } from '../model/clock.js'
import { createUsernameRules } from '../model/username.js'
import type { Attempt } from '../policy/attempt.js'
import type { PolicyHashRules } from '../policy/password-hash.js'
import { createPolicy } from '../policy/policy.js'
import { createPolicyServer, type PolicyServer } from '../policy/policy-server.js'
import type { StoredLists } from '../policy/stored-lists.js'
import { openStoredPairs } from '../policy/stored-pairs.js'
import type { StateStore } from '../state/state-store.js'
import type { Logger } from '../telemetry/logger.js'
import type { HealthFigures } from '../telemetry/service-health.js'

export interface OpenPolicy {
  readonly server: PolicyServer
  health(): NonNullable<HealthFigures['policy']>
  /** Takes up what the database knows of lists and users, now and from now on. */
  follow(): Promise<unknown>
  /** Writes what is not yet written, and follows no more. */
  close(): Promise<void>
}

export interface OpenPolicyDeps {
  readonly database: Database
  /** Followed as long as the policy is open. */
  readonly lists: StoredLists
  readonly state: StateStore
  readonly log: Logger
  /** As PolicyDeps.wasTrouble. */
  readonly wasTrouble: (attempt: Attempt) => boolean
  readonly reportBug: (where: string, error: unknown) => void
}

/** undefined: nobody asks it. */
export function openPolicy(
  settings: HomingConfig['settings'],
  { database, lists, state, log, wasTrouble, reportBug }: OpenPolicyDeps,
): OpenPolicy | undefined {
  if (settings.policy_listen.length === 0 && !settings.policy_check) return undefined
  const warn = (message: string) => log.warn(message)
  const pairs = openStoredPairs(database.knownPairs, {
    clock: systemClock,
    knownForMs: settings.policy_known_for,
    learn: (pair, agoMs) => policy.learn(pair, agoMs),
    warn,
  })
  const policy = createPolicy(settings, {
    clock: systemClock,
    succeeded: pairs.succeeded,
    lists: lists.lists,
    state,
    wasTrouble,
  })
  const rules = createUsernameRules(settings)
  const nameOf = (login: string) => {
    const name = rules.normalise(login)
    return 'user' in name ? name.user : login
  }
  const server = createPolicyServer(policy, lists, {
    nameOf,
    whoseOf: names => nameOf(splitNames(names, settings.auth_master_user_separator).master ?? names.user),
    refused: ({ login, remote }, rule) =>
      log.warn(
        { user: login, remote_ip: remote, rule },
        'logins are refused by the policy (told once a minute)',
      ),
    reportBug,
  })
  return {
    server,
    health: () => {
      const { withoutStore, degraded } = server.counts()
      return {
        listsAreRead: lists.failure() === '',
        pairsAreKept: pairs.failure() === '',
        withoutStore,
        degraded,
      }
    },
    follow: () => Promise.all([lists.follow(), pairs.follow()]),
    close: async () => {
      lists.close()
      await pairs.close()
    },
  }
}

/** Without a nonce passwords are counted under one of this process. */
export function hashRules(settings: HomingConfig['settings']): PolicyHashRules {
  return {
    nonce: settings.auth_policy_hash_nonce || randomBytes(16).toString('hex'),
    mech: settings.auth_policy_hash_mech,
    truncateBits: settings.auth_policy_hash_truncate,
  }
}
