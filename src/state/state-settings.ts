import type { Static } from 'typebox'
import { secret, settings, text, time, url } from '../model/setting.js'
import { parseValkeyUrl } from './valkey-url.js'

/** Where copies of the program share what they need to tell each other at once. */
export const stateSettings = settings({
  valkey_url: url(
    'A Valkey or Redis that all copies share: `redis://user:password@host:6379/0`, `rediss://…` with TLS, `unix:/run/valkey/valkey.sock`. Empty: each copy keeps to itself, and hears of changes from the database within two seconds.',
    '',
    {
      aliases: ['redis_url'],
      example: '"redis://valkey1:6379"',
      check: given => {
        const parsed = given === '' ? undefined : parseValkeyUrl(given)
        return parsed && 'wrong' in parsed ? parsed.wrong : undefined
      },
    },
  ),
  valkey_password: secret('The password when the URL holds none.', { aliases: ['redis_password'] }),
  valkey_prefix: text(
    'What stands before every key and channel, so that installations can share one.',
    'homing:',
  ),
  valkey_timeout: time(
    'A command that has no answer by then is given up; logins go on without it.',
    '50 msecs',
    { minimum: 1 },
  ),
  valkey_connect_timeout: time('A connection that is not ready by then is tried anew.', '500 msecs', {
    minimum: 1,
  }),
  valkey_tls_ca_file: text('PEM file of the authorities that rediss:// trusts; empty: those of Node.', ''),
})

export type StateSettings = Static<typeof stateSettings>
