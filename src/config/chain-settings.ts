// The settings that every `[[passdb]]` and every `[[userdb]]` has, whichever its driver: Dovecot's words.

import type { Static } from 'typebox'
import { resultRules, skips } from '../auth/chained-passdb.js'
import { userdbSkips } from '../auth/chained-userdb.js'
import { choice, settings, table, text, words, yesNo } from '../model/setting.js'

const name = text('The name in logs and traces, and in HOMING_PASSDB__NAME__… (default: the driver).', '', {
  check: value =>
    /^[A-Za-z0-9_.-]*$/.test(value) ? undefined : 'only letters, digits, "_", "-" and "." belong in a name',
  example: '"local"',
})

const resultSuccess = choice('What a success does to the chain.', resultRules, 'return-ok')

const resultFailure = choice(
  'What an unknown user or a wrong password does to the chain.',
  resultRules,
  'continue',
)

// Dovecot's default is `continue`: then a database that is down sends its users to the next passdb, and a user
// who is known there too gets another mailbox.
const resultInternalfail = choice(
  'What a database that cannot answer does to the chain (not as in Dovecot, where it is "continue").',
  resultRules,
  'return-fail',
)

const defaultFields = table('Fields that are set before the lookup sets its own.')
const overrideFields = table('Fields that are set after the lookup; `name:default` only where it set none.')

export const passdbSettings = settings({
  name,
  skip: choice(
    'When this passdb is passed over: "authenticated" means that an earlier one verified the password.',
    skips,
    'never',
    {
      hints: {
        notfound:
          '"never", and result_failure = "continue" in the passdb before; notfound is a word of userdbs',
        found: '"authenticated"; found is a word of userdbs',
      },
    },
  ),
  result_success: resultSuccess,
  result_failure: resultFailure,
  result_internalfail: resultInternalfail,
  found_is_final: choice(
    'Whether a user who is found here belongs here, so that a wrong password, an unknown scheme or allow_nets end the ' +
      'chain whatever result_failure says (not as in Dovecot). "auto": in a table of proxied users, so that none of ' +
      'them gets a local mailbox by another password.',
    ['auto', 'yes', 'no'],
    'auto',
  ),
  deny: yesNo('Whoever is found here is refused.', false),
  master: yesNo('Asked only for the master user of a master login.', false),
  mechanisms_filter: words(
    'SASL mechanisms this passdb is asked for; "lookup" means lookups without a password. Empty: all.',
    [],
    { aliases: ['mechanisms'] },
  ),
  username_filter: words('Users this passdb is asked for: masks with * and ?, "!mask" excludes. Empty: all.'),
  default_fields: defaultFields,
  override_fields: overrideFields,
  default_password_scheme: text('The scheme of a stored password that has no {SCHEME}.', 'CRYPT', {
    aliases: ['default_pass_scheme'],
    check: value =>
      /^[A-Za-z0-9.-]+$/.test(value) ? undefined : 'this is not the name of a password scheme',
    example: '"SHA512-CRYPT"',
  }),
})

export const userdbSettings = settings({
  name,
  skip: choice(
    'When this userdb is passed over: "found" means that an earlier one found the user.',
    userdbSkips,
    'never',
    { hints: { authenticated: '"found"; authenticated is a word of passdbs' } },
  ),
  result_success: resultSuccess,
  result_failure: resultFailure,
  result_internalfail: resultInternalfail,
  default_fields: defaultFields,
  override_fields: overrideFields,
})

export type PassdbSettings = Static<typeof passdbSettings>
export type UserdbSettings = Static<typeof userdbSettings>
