// What is kept of logins in the database. Nothing, unless it is asked for: every login would become a write.

import type { Static } from 'typebox'
import { choice, settings, time, yesNo } from '../model/setting.js'

const ONE_DAY_MS = 86_400_000

export const loginEventSettings = settings({
  login_events: choice(
    'Which logins the database keeps for `homing report`: `none`, `failures`, or `all`. Written in batches and never waited for; too many at once are dropped and counted.',
    ['none', 'failures', 'all'],
    'none',
    { reloads: true },
  ),
  login_events_retention: time('How long login events are kept; 0: for ever.', '30 days', {
    minimum: 0,
    maximum: 3650 * ONE_DAY_MS,
    reloads: true,
  }),
  login_events_address: choice(
    'What is kept of a client address: `full`, `network` (192.0.2.0/24, 2001:db8:1::/48) or `none`.',
    ['full', 'network', 'none'],
    'full',
    { reloads: true },
  ),
  last_login: yesNo('Whether the database keeps when each user last logged in, by protocol.', false, {
    reloads: true,
  }),
})

export type LoginEventSettings = Static<typeof loginEventSettings>
