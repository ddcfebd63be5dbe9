// A small program's settings and drivers, to show the loader what real ones have.

import type { ConfigSchema } from '../../../src/config/config.js'
import {
  choice,
  secret,
  settings,
  size,
  table,
  text,
  time,
  url,
  wholeNumber,
  words,
  yesNo,
} from '../../../src/model/setting.js'

const general = settings({
  database_url: url('Where users are kept.', 'sqlite:./data/homing.db'),
  listen: words('Where to answer.', ['127.0.0.1:8080']),
  api_token: secret('What callers must show.'),
  auth_cache_size: size('The auth cache.', '0'),
  auth_cache_ttl: time('How long a cached answer holds.', '1 hour'),
  log_level: choice('How much is logged.', ['debug', 'info', 'warn'], 'info'),
  workers: wholeNumber('Hash workers.', 2, { minimum: 1, maximum: 64 }),
  verbose: yesNo('Say more.', false),
})

const sqlOptions = settings({
  database_url: url('The database; empty: the one above.', ''),
  table: text('The table.'),
  columns: table('Which column is what.', { user: 'username' }),
})

const staticOptions = settings({ fields: table('The fields.') })

export const exampleSchema = {
  settings: general,
  passdbDrivers: { sql: { options: sqlOptions }, static: { options: staticOptions } },
  userdbDrivers: { sql: { options: sqlOptions } },
  defaultPassdbs: [
    { name: 'proxy', driver: 'sql', table: 'proxy_users' },
    { name: 'local', driver: 'sql', table: 'local_users', result_failure: 'return-fail' },
  ],
  defaultUserdbs: [{ name: 'local', driver: 'sql', table: 'local_users' }],
} satisfies ConfigSchema
