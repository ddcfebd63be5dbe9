// TLS to the database server: encrypted when asked for, verified when asked for.

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { DatabaseSettings } from '../../src/database/database-settings.js'
import { databasesFor, lower, openFor } from '../conformance/database/test-database.js'
import { type MariadbServer, startOwnMariadb, whyNoMariadb } from './mariadb-server.js'

const run = promisify(execFile)
const reason = (process.env.HOMING_TEST_MYSQL_URL ? undefined : whyNoMariadb()) ?? (await whyNoOpenssl())
const options = reason ? { skip: reason } : {}
const folder = await mkdtemp(join(tmpdir(), 'homing-tls-'))
t.teardown(() => rm(folder, { recursive: true }))
const file = (name: string) => join(folder, name)

const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })

async function whyNoOpenssl(): Promise<string | undefined> {
  return run('openssl', ['version']).then(
    () => undefined,
    () => 'no openssl in PATH: install openssl',
  )
}

async function makeAuthority(name: string): Promise<void> {
  await openssl(
    'req',
    '-x509',
    ...keys,
    '-days',
    '2',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.pem`,
    '-subj',
    `/CN=${name}`,
  )
}

/** A server whose certificate names that host. */
async function serverFor(t: Pick<Test, 'teardown'>, host: string): Promise<MariadbServer> {
  await openssl('req', ...keys, '-keyout', `${host}.key`, '-out', `${host}.csr`, '-subj', `/CN=${host}`)
  await writeFile(file('extensions'), `subjectAltName=DNS:${host}`)
  const signing = [
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'extensions',
  ]
  await openssl('x509', '-req', '-in', `${host}.csr`, ...signing, '-out', `${host}.pem`)
  const server = await startOwnMariadb({
    args: [
      `--ssl-ca=${file('ca.pem')}`,
      `--ssl-cert=${file(`${host}.pem`)}`,
      `--ssl-key=${file(`${host}.key`)}`,
    ],
  })
  t.teardown(() => server.close())
  await server.createDatabase('mail')
  await server.execute(
    "create table names (name varchar(20)); create view seen as select name, (select variable_value from information_schema.session_status where variable_name = 'Ssl_cipher') as cipher from names; insert into names values ('anna')",
    'mail',
  )
  return server
}

/** Over which cipher the row came, or what happened instead. */
async function cipher(t: Test, server: MariadbServer, settings: Partial<DatabaseSettings>): Promise<string> {
  const database = openFor(t, `mysql://homing:homing-test@localhost:${server.port}/mail`, settings)
  const columns = { user: 'name', cipher: 'cipher' }
  const answer = await database.accountTable({ table: 'seen', columns, normalise: lower }).find('anna')
  if (answer.found === 'error') return `error: ${answer.cause.message}`
  return answer.found === 'one' ? `cipher: ${answer.row.values.cipher}` : answer.found
}

t.test('TLS is used and verified as the settings say', options, async t => {
  await Promise.all([makeAuthority('ca'), makeAuthority('other')])
  const verify = { database_tls: 'verify', database_tls_ca_file: file('ca.pem') } as const
  const server = await serverFor(t, 'localhost')
  t.equal(await cipher(t, server, { database_tls: 'no' }), 'cipher: ')
  t.match(await cipher(t, server, { database_tls: 'yes' }), /cipher: TLS_/)
  t.match(await cipher(t, server, verify), /cipher: TLS_/)
  t.match(
    await cipher(t, server, { ...verify, database_tls_ca_file: file('other.pem') }),
    /error: .*(HANDSHAKE|CERT|SIGNED)/i,
  )
  t.match(await cipher(t, server, { database_tls: 'verify' }), /error: /, 'an authority that nobody trusts')

  const stranger = await serverFor(t, 'db.example.net')
  t.match(await cipher(t, stranger, { database_tls: 'yes' }), /cipher: TLS_/)
  t.match(
    await cipher(t, stranger, verify),
    /error: .*(ALTNAME|altnames|HANDSHAKE)/,
    'the certificate names another host',
  )
})

t.test('a server without TLS gets no password when TLS is asked for', options, async t => {
  const plain = await startOwnMariadb({ args: ['--skip-ssl'] })
  t.teardown(() => plain.close())
  await plain.createDatabase('mail')
  t.match(await cipher(t, plain, { database_tls: 'yes' }), /error: .*HANDSHAKE_NO_SSL_SUPPORT/)
})

t.test('settings that can never work are refused when the database is named', async t => {
  const verifying = databasesFor(t, { database_tls: 'verify' })
  t.throws(() => verifying.open('mysql://u:p@db1,192.0.2.1/mail'), {
    code: 'ERR_CONFIG',
    message: /192\.0\.2\.1.*host name/,
  })
  const unreadable = databasesFor(t, { database_tls: 'verify', database_tls_ca_file: '/nonexistent/ca.pem' })
  t.throws(() => unreadable.open('mysql://u:p@db1/mail'), {
    code: 'ERR_CONFIG',
    message: /database_tls_ca_file: cannot read/,
  })
  t.doesNotThrow(() => databasesFor(t, { database_tls: 'yes' }).open('mysql://u:p@192.0.2.1/mail'))
})
