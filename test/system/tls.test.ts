// TLS of the listeners, as curl and openssl see it: what is spoken, who gets in, and what a renewal changes.

import { execFile } from 'node:child_process'
import { appendFile, copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { type Certificate, createAuthority } from './certificates.js'
import { type RunningHoming, startHoming } from './homing.js'

const run = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'homing-tls-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const authority = await createAuthority(folder, 'good')
const stranger = await createAuthority(folder, 'other')
const certFile = join(folder, 'homing.pem')
const keyFile = join(folder, 'homing.key')
const caFile = join(folder, 'callers.pem')
const settings = `ssl = true\nssl_cert = "${certFile}"\nssl_key = "${keyFile}"\n`

/** Puts a new certificate in the place that the settings name. */
async function install(name: string): Promise<Certificate> {
  const certificate = await authority.issue(name, 'DNS:localhost')
  await copyFile(certificate.keyFile, keyFile)
  await copyFile(certificate.certFile, certFile)
  return certificate
}

async function start(
  t: Test,
  config = settings,
  more: { clientCertificate?: Certificate } = {},
): Promise<RunningHoming> {
  const homing = await startHoming({ config, caFile: authority.caFile, ...more })
  t.teardown(homing.close)
  await homing.addAccounts({
    localUsers: [{ username: 'anna@x', password: '{PLAIN}secret', home: '/h', uid: 1, gid: 1 }],
  })
  return homing
}

/** `ok`, or what curl says instead. */
async function curl(url: string, ...options: string[]): Promise<string> {
  const body = JSON.stringify({ user: 'anna@x', password: 'secret' })
  const all = ['-sS', '-m', '5', '-H', 'content-type: application/json', '-d', body, ...options]
  return run('curl', [...all, `${url}/v1/passdb/verify`]).then(
    ({ stdout }) => JSON.parse(stdout).result ?? JSON.parse(stdout).error,
    ({ stderr }) => stderr.trim(),
  )
}

/** What openssl shows of a handshake. */
async function handshake(url: string, ...options: string[]): Promise<string> {
  const where = ['-connect', new URL(url).host, '-CAfile', authority.caFile, '-servername', 'localhost']
  const done = run('openssl', ['s_client', ...where, ...options])
  done.child.stdin?.end()
  return done.then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }) => stdout + stderr,
  )
}

/** Node closes such a connection without an alert. */
const refused = /Empty reply|reset|alert|SSL_/i
const trust = ['--cacert', authority.caFile]
const token = ['-H', 'authorization: Bearer open-sesame']

t.test('TLS 1.2 and 1.3 are spoken, nothing older, and no plain HTTP', async t => {
  await install('first')
  const homing = await start(t)
  t.equal(await curl(homing.url, ...trust, ...token), 'ok')
  t.equal(await curl(homing.url, ...trust), 'unauthorized', 'the token is still asked for')
  t.match(await curl(homing.url, ...token), /certificate problem/, 'an authority nobody knows')
  t.match(await curl(homing.url.replace('https', 'http'), ...token), /Empty reply|reset/)
  t.match(await handshake(homing.url, '-tls1_2'), /Verify return code: 0 \(ok\)/)
  t.match(await handshake(homing.url, '-tls1_3'), /Verify return code: 0 \(ok\)/)
  const old = await handshake(homing.url, '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0')
  t.match(old, /alert protocol version|no protocols available|unsupported protocol/)
  t.match(await handshake(homing.url, '-alpn', 'h2,http/1.1'), /ALPN protocol: http\/1.1/)
})

t.test('a renewed certificate is shown without a restart, and kept connections go on', async t => {
  await install('second')
  const homing = await start(t)
  t.match(await handshake(homing.url), /subject=CN ?= ?second/)
  await install('third')
  homing.signal('SIGHUP')
  await homing.waitForLog('new certificate in use', certFile)
  t.match(await handshake(homing.url), /subject=CN ?= ?third/)

  const { keyFile: foreignKey } = await authority.issue('fourth', 'DNS:localhost')
  await copyFile(foreignKey, keyFile)
  homing.signal('SIGHUP')
  await homing.waitForLog('not reloaded', `${keyFile} does not belong`)
  t.match(await handshake(homing.url), /subject=CN ?= ?third/, 'the last good one')
  t.equal(await curl(homing.url, ...trust, ...token), 'ok')
})

t.test(
  'with ssl_verify_client_cert only who shows a certificate of ours gets in, and needs no token',
  async t => {
    await install('fifth')
    const caller = await authority.issue('dovecot', 'DNS:dovecot', { usage: 'clientAuth' })
    const unknown = await stranger.issue('mallory', 'DNS:dovecot', { usage: 'clientAuth' })
    const show = (shown: Certificate) => ['--cert', shown.certFile, '--key', shown.keyFile]
    await copyFile(authority.caFile, caFile)
    const verify = `${settings}ssl_ca = "${caFile}"\nssl_verify_client_cert = true\napi_token = ""\n`
    const homing = await start(t, verify, { clientCertificate: caller })
    t.equal(await curl(homing.url, ...trust, ...show(caller)), 'ok')
    t.match(await curl(homing.url, ...trust), refused)
    t.match(await curl(homing.url, ...trust, ...show(unknown)), refused)
    await homing.waitForLog('TLS handshake failed', '127.0.0.1', 'CERT')
    const server = await authority.issue('a-web-server', 'DNS:localhost')
    t.match(await curl(homing.url, ...trust, ...show(server)), refused, 'made for servers')

    const { stdout } = await run('curl', [
      ...[
        '-sS',
        '-H',
        'content-type: application/json',
        '-d',
        '{"user":"anna@x"}',
        ...trust,
        ...show(caller),
      ],
      `${homing.url}/v1/passdb/lookup`,
    ])
    t.equal(
      JSON.parse(stdout).fields.password,
      '{PLAIN}secret',
      'a caller with a certificate has proved itself',
    )

    await appendFile(caFile, await authority.revoke(caller))
    homing.signal('SIGHUP')
    await homing.waitForLog('new certificate in use')
    t.match(await curl(homing.url, ...trust, ...show(caller)), refused, 'revoked')
  },
)
