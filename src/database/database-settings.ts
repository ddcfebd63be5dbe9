// How Homing speaks to its databases: one set of limits for all of them.

import type { Static } from 'typebox'
import { choice, secret, settings, text, time, url, wholeNumber } from '../model/setting.js'

/** With less no database would ever be in time. */
const atLeast = { minimum: 10 }

export const databaseSettings = settings({
  database_url: url(
    'Where the accounts are: `mysql://user:password@db1,db2:3307/name`, `mysql://user@localhost/name?socket=/run/mysqld/mysqld.sock` or `sqlite:PATH`. Several hosts are tried in order. A passdb may name another.',
    'sqlite:./data/homing.db',
  ),
  database_password: secret('The password for database URLs that hold none.'),
  database_pool_size: wholeNumber('How many connections one database may have at once.', 8, {
    minimum: 1,
    maximum: 1000,
  }),
  database_connect_timeout: time(
    'A host that has not let us in by then counts as down.',
    '500 msecs',
    atLeast,
  ),
  database_query_timeout: time(
    'A query that has no answer by then is given up and its connection closed. A lookup, with its second try, ends within this and database_connect_timeout together: by the defaults in less than a second and a half, since Dovecot waits for two.',
    '900 msecs',
    atLeast,
  ),
  database_idle_timeout: time('A connection that nobody needed for so long is closed.', '1 mins'),
  database_tls: choice(
    'TLS to the database server: `no`, `yes` (encrypted, with whoever answers) or `verify` (certificate and host name must be right).',
    ['no', 'yes', 'verify'],
    'no',
  ),
  database_tls_ca_file: text('PEM file of the authorities that `verify` trusts; empty: those of Node.', ''),
  database_tls_cert_file: text('PEM file of our own certificate, for servers that ask for one.', ''),
  database_tls_key_file: text('PEM file of its key.', ''),
})

export type DatabaseSettings = Static<typeof databaseSettings>
