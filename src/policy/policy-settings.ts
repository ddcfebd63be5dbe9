import type { Static, TUnsafe } from 'typebox'
import { parseNetwork } from '../model/networks.js'
import { secret, settings, size, text, time, wholeNumber, words, yesNo } from '../model/setting.js'
import { policyHashMechs } from './password-hash.js'
import { policyRules, type RuleName } from './rules.js'

type Limits = { [K in `policy_${RuleName}_${'tarpit' | 'reject'}`]: TUnsafe<number> }

const bounds = { minimum: 0, maximum: 2000 }

/** Two settings for each rule. */
const limits = Object.fromEntries(
  policyRules.flatMap(({ name, description, tarpit, reject }) => [
    [
      `policy_${name}_tarpit`,
      wholeNumber(`${description}: from so many in policy_window on, logins wait; 0: never`, tarpit, bounds),
    ],
    [`policy_${name}_reject`, wholeNumber('and from so many on they are refused; 0: never', reject, bounds)],
  ]),
) as Limits

const DAY_MS = 86_400_000

export const policySettings = settings({
  policy_check: yesNo(
    'Ask the policy in /v1/passdb/verify too: for callers that have no auth-policy of their own. Who says `"policy_checked": true` is not asked again.',
    false,
  ),
  policy_window: time('Within this time the policy counts.', '1 hour', { minimum: 1000, maximum: DAY_MS }),
  policy_known_for: time(
    'A user who has logged in from a network is known there for as long: not slowed down, whatever others try.',
    '30 days',
    { maximum: 366 * DAY_MS },
  ),
  policy_tarpit_max: time('The longest that a login is made to wait.', '10 secs', { maximum: 60_000 }),
  policy_trusted_networks: words(
    'Addresses that are not the clients themselves, such as webmail: what comes from them is counted for the user and not for the address.',
    ['127.0.0.0/8', '::1'],
    {
      check: entries => {
        const odd = entries.find(entry => parseNetwork(entry) === undefined)
        return odd === undefined ? undefined : `"${odd}" is not an IP address or network`
      },
    },
  ),
  policy_memory: size('How much memory the counters of the policy may take.', '48M', { minimum: 1 << 20 }),
  ...limits,
  auth_policy_hash_nonce: secret(
    "Dovecot's setting of the same name: then policy_check and Dovecot count the same password as one.",
  ),
  auth_policy_hash_mech: text("Dovecot's setting of the same name.", 'sha256', {
    check: mech =>
      policyHashMechs.includes(mech) ? undefined : `"${mech}" is none of ${policyHashMechs.join(', ')}`,
  }),
  auth_policy_hash_truncate: wholeNumber("Dovecot's setting of the same name, in bits; 0: all of them.", 12, {
    minimum: 0,
    maximum: 512,
  }),
})

export type PolicySettings = Static<typeof policySettings>
