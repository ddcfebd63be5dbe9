// The rules, one row each: what is counted together, what counts as one, and from how many on it is too much.

import type { Attempt } from './attempt.js'
import { hidesPassword, networkOf } from './attempt.js'

export interface PolicyRule {
  readonly name: string
  /** For `homing config dump`. */
  readonly description: string
  /** From so many on each further one waits a second longer; 0: never. */
  readonly tarpit: number
  /** From so many on none is let in; 0: never. */
  readonly reject: number
  /**
   * `user`: whoever guesses one user's password, from wherever; counted when it is let in. `place`: whoever guesses from
   * one place; counted when it failed, and not asked of trusted places.
   */
  readonly about: 'user' | 'place'
  /** A user who has logged in from this network before is asked the rules for known pairs, everybody else the others. */
  readonly forKnown: boolean
  /**
   * Each failure whose password cannot be told from others counts, whatever memberOf says of it; that counts only until the
   * attempt is reported.
   */
  readonly countsEach?: boolean
  /** Refuses nobody while fewer stand in another group: whoever has done next to nothing is not held to what others did. */
  readonly spares?: { readonly below: number; groupOf(attempt: Attempt): string }
  /** The groups are of user and network, as userAtHome writes them. */
  readonly atHome?: boolean
  /** What is counted together; undefined: the rule does not concern this attempt. */
  groupOf(attempt: Attempt): string | undefined
  /** What counts as one, however often it comes: a retried request, a phone that repeats an old password. */
  memberOf(attempt: Attempt): string
}

const narrow = { ipv4: 24, ipv6: 64 }
const wide = { ipv4: 16, ipv6: 48 }

/** The network whose word on a user is remembered. */
export const homeOf = ({ remote }: { readonly remote?: string | undefined }): string =>
  remote === undefined ? '' : networkOf(remote, wideHome)
const wideHome = { ipv4: 24, ipv6: 48 }

const placeOf = (bits: typeof narrow) => (attempt: Attempt) =>
  attempt.remote === undefined ? undefined : networkOf(attempt.remote, bits)

const memberOfConnection = ({ session = '', remote = '' }: Attempt): string => `${session} ${remote}`

const userAtHome = (attempt: Attempt): string => `${homeOf(attempt)} ${attempt.login}`

const userAndPassword = ({ login, pwhash }: Attempt): string => `${pwhash} ${login}`

export const policyRules = [
  {
    name: 'user_passwords',
    description: 'different wrong passwords of one user',
    tarpit: 5,
    reject: 50,
    about: 'user',
    forKnown: false,
    groupOf: ({ login }) => login,
    memberOf: ({ pwhash }) => pwhash,
  },
  {
    name: 'user_failures',
    description: 'wrong passwords of one user, one that several networks try counted for each of them',
    tarpit: 10,
    reject: 60,
    about: 'user',
    forKnown: false,
    groupOf: ({ login }) => login,
    memberOf: attempt => `${attempt.pwhash} ${homeOf(attempt)}`,
  },
  {
    name: 'user_challenges',
    description:
      'failed logins of one user by CRAM-MD5, SCRAM and their like, where no password can be compared',
    tarpit: 5,
    reject: 40,
    about: 'user',
    forKnown: false,
    countsEach: true,
    groupOf: attempt => (hidesPassword(attempt) ? attempt.login : undefined),
    memberOf: memberOfConnection,
  },
  {
    name: 'known_passwords',
    description: 'different wrong passwords of one user from a network that the user has logged in from',
    tarpit: 10,
    reject: 40,
    about: 'user',
    forKnown: true,
    atHome: true,
    groupOf: userAtHome,
    memberOf: ({ pwhash }) => pwhash,
  },
  {
    // Fewer than others have: a stale phone that speaks SCRAM fills this, and must leave room in known_failures.
    name: 'known_challenges',
    description:
      'failed logins of one user by CRAM-MD5, SCRAM and their like from a network that the user has logged in from',
    tarpit: 5,
    reject: 30,
    about: 'user',
    forKnown: true,
    countsEach: true,
    atHome: true,
    groupOf: attempt => (hidesPassword(attempt) ? userAtHome(attempt) : undefined),
    memberOf: memberOfConnection,
  },
  {
    // Somebody in one of these networks must not keep the user out in another: each has a few tries of its own.
    name: 'known_failures',
    description: 'failed logins of one user from all networks that the user has logged in from',
    tarpit: 0,
    reject: 60,
    about: 'user',
    forKnown: true,
    countsEach: true,
    spares: {
      below: 4,
      groupOf: attempt =>
        `known_${hidesPassword(attempt) ? 'challenges' : 'passwords'} ${userAtHome(attempt)}`,
    },
    groupOf: ({ login }) => login,
    memberOf: attempt =>
      hidesPassword(attempt) ? memberOfConnection(attempt) : `${attempt.pwhash} ${homeOf(attempt)}`,
  },
  {
    name: 'address_failures',
    description: 'wrong passwords from one address',
    tarpit: 20,
    reject: 100,
    about: 'place',
    forKnown: false,
    groupOf: ({ remote }) => remote,
    memberOf: userAndPassword,
  },
  {
    name: 'network_failures',
    description: 'wrong passwords from one network (/24, /64)',
    tarpit: 100,
    reject: 500,
    about: 'place',
    forKnown: false,
    groupOf: placeOf(narrow),
    memberOf: userAndPassword,
  },
  {
    name: 'network_users',
    description: 'users with wrong passwords from one network (/24, /64)',
    tarpit: 40,
    reject: 200,
    about: 'place',
    forKnown: false,
    groupOf: placeOf(narrow),
    memberOf: ({ login }) => login,
  },
  {
    name: 'site_failures',
    description: 'wrong passwords from one site (/16, /48)',
    tarpit: 500,
    reject: 2000,
    about: 'place',
    forKnown: false,
    groupOf: placeOf(wide),
    memberOf: userAndPassword,
  },
] as const satisfies readonly PolicyRule[]

export type RuleName = (typeof policyRules)[number]['name']
