// Logins as Dovecot asks and reports them, with the time moved by hand.

import { addressOf } from '../../../src/model/ip-address.js'
import { declarationOf } from '../../../src/model/setting.js'
import { type Attempt, loginOf } from '../../../src/policy/attempt.js'
import { createPolicy, type Policy, type PolicyDeps } from '../../../src/policy/policy.js'
import { createPolicyLists } from '../../../src/policy/policy-lists.js'
import { type PolicySettings, policySettings } from '../../../src/policy/policy-settings.js'

const numbers = Object.fromEntries(
  Object.entries(policySettings.properties).map(([key, schema]) => [key, declarationOf(schema).default]),
)

export const defaults: PolicySettings = {
  ...(numbers as unknown as PolicySettings),
  policy_window: 3_600_000,
  policy_known_for: 30 * 86_400_000,
  policy_tarpit_max: 10_000,
  policy_memory: 48 << 20,
}

export interface Site {
  readonly policy: Policy
  /** Moves the time on. */
  pass(ms: number): void
  /** One login: asked, and if it is let in answered by the password, asked again and reported. */
  logIn(login: Login): Promise<'in' | 'wrong' | 'refused'>
  /** The longest that anybody waited, in seconds. */
  readonly longestWaitSecs: number
}

export interface Login {
  readonly user: string
  readonly from: string
  readonly password: string
}

/** Everybody's right password is `right`. */
export function openSite(settings: Partial<PolicySettings> = {}, deps: Partial<PolicyDeps> = {}): Site {
  let now = 1_000_000
  let longest = 0
  const clock = { now: () => now }
  const policy = createPolicy(
    { ...defaults, ...settings },
    { clock, lists: createPolicyLists(() => Math.floor(now / 1000)), ...deps },
  )
  return {
    policy,
    pass: ms => {
      now += ms
    },
    async logIn({ user, from, password }) {
      const attempt = attemptOf(user, from, password)
      const { status } = await policy.allow(attempt)
      const refused = { ...attempt, success: false, policyReject: true, failType: 'policy' }
      if (status < 0) {
        await policy.report(refused)
        return 'refused'
      }
      longest = Math.max(longest, status)
      const success = password === 'right'
      if (success && (await policy.allow(attempt)).status < 0) return 'refused'
      await policy.report({
        ...attempt,
        success,
        policyReject: false,
        failType: success ? '' : 'credentials',
      })
      return success ? 'in' : 'wrong'
    },
    get longestWaitSecs() {
      return longest
    },
  }
}

export function attemptOf(user: string, from: string, password: string): Attempt {
  const remote = addressOf(from)
  return { login: loginOf(user), pwhash: hashOf(password), ...(remote !== undefined && { remote }) }
}

/** Twelve bits, as Dovecot sends them by default. */
function hashOf(password: string): string {
  let value = 7
  for (let i = 0; i < password.length; i++) value = (Math.imul(value, 31) + password.charCodeAt(i)) | 0
  return ((value ^ (value >>> 12)) & 0xfff).toString(16).padStart(4, '0')
}

/** All different, none of them private. */
export const addressNumber = (n: number): string =>
  `${11 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.${(n * 7) % 254}`
