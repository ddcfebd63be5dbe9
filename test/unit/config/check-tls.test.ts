import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { formatProblem } from '../../../src/config/config-problem.js'
import { loadConfig } from '../../../src/config/load-config.js'
import { programSchema } from '../../../src/config/program-schema.js'
import { doors } from '../../../src/protocols/http/doors.js'
import { createAuthority } from '../../system/certificates.js'

const folder = await mkdtemp(join(tmpdir(), 'homing-check-tls-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const authority = await createAuthority(folder, 'ca')
const good = await authority.issue('good', 'DNS:localhost', { days: 90 })
const other = await authority.issue('other', 'DNS:localhost', { days: 90 })
const file = (name: string) => join(folder, name)

function check(lines: readonly string[]) {
  const loaded = loadConfig(programSchema, {
    environment: { HOMING_DATABASE_URL: 'sqlite::memory:' },
    flags: lines,
    file: undefined,
  })
  const format = (found: Parameters<typeof formatProblem>[0]) =>
    formatProblem(found).replaceAll(`${folder}/`, '').replaceAll('flag --set ', '')
  return {
    problems: 'problems' in loaded ? loaded.problems.map(format) : [],
    warnings: loaded.warnings.map(format),
  }
}

const tls = (cert: string, key: string, ...more: string[]) =>
  check(['ssl=yes', `ssl_cert=${cert}`, `ssl_key=${key}`, ...more])

t.test('what works is not complained of, Dovecot 2.3 spelling included', async t => {
  t.same(tls(good.certFile, good.keyFile), { problems: [], warnings: [] })
  t.same(tls(`<${good.certFile}`, `< ${good.keyFile}`), { problems: [], warnings: [] })
  t.same(
    check(['ssl=yes', `ssl_server_cert_file=${good.certFile}`, `ssl_server_key_file=${good.keyFile}`])
      .problems,
    [],
  )
})

t.test('files that are missing or hold something else are named', async t => {
  t.match(check(['ssl=yes']).problems, [
    'configuration: ssl_cert: ssl is on, and no file is named (right: "/path/to/file.pem")',
    /ssl_key: ssl is on, and no file is named/,
  ])
  t.match(tls(file('none.pem'), good.keyFile).problems, [
    'ssl_cert: ssl_cert: cannot read none.pem (ENOENT) (right: a file that Homing may read)',
  ])
  t.match(tls(good.keyFile, good.certFile).problems, [
    /ssl_cert: no certificate is in ca-good.key/,
    /ssl_key: no private key is in ca-good.pem/,
  ])
  await writeFile(file('cut.pem'), (await readFile(good.certFile, 'utf8')).replace(/\n.{20}/, '\n'))
  t.match(tls(file('cut.pem'), good.keyFile).problems, [/ssl_cert: a certificate in cut.pem is damaged/])
})

t.test('a key and a certificate that do not belong together are refused, and both are named', async t => {
  t.match(tls(good.certFile, other.keyFile).problems, [
    'ssl_key: ssl_key: the private key in ca-other.key does not belong to the certificate in ca-good.pem (right: files that were made together)',
  ])
  await writeFile(
    file('wrong-order.pem'),
    (await readFile(authority.caFile, 'utf8')) + (await readFile(good.certFile, 'utf8')),
  )
  t.match(tls(file('wrong-order.pem'), good.keyFile).problems, [
    /the first certificate in wrong-order.pem is not our own/,
  ])
})

t.test('an encrypted key needs its password, and the password is in no message', async t => {
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args)
  await openssl('pkcs8', '-topk8', '-in', good.keyFile, '-out', file('locked.key'), '-passout', 'pass:s3cret')
  t.match(tls(good.certFile, file('locked.key')).problems, [
    /ssl_key: the private key in locked.key is encrypted/,
  ])
  await writeFile(file('password'), 'wr0ng', { mode: 0o600 })
  const withFile = () => tls(good.certFile, file('locked.key'), `ssl_key_password_file=${file('password')}`)
  t.match(withFile().problems, [/ssl_key_password: it does not open the private key/])
  t.notMatch(withFile().problems.join(), /wr0ng/)
  await writeFile(file('password'), 's3cret')
  t.same(withFile().problems, [])
})

t.test('nothing older than TLS 1.2 can be asked for, and ciphers must exist', async t => {
  t.match(tls(good.certFile, good.keyFile, 'ssl_min_protocol=TLSv1').problems, [
    /ssl_min_protocol: unknown value "TLSv1" \(right: "TLSv1.2"\)/,
  ])
  t.match(tls(good.certFile, good.keyFile, 'ssl_cipher_list=NONSENSE').problems, [
    /ssl_cipher_list: OpenSSL knows none/,
  ])
})

t.test('client certificates need TLS and an authority, and then no token', async t => {
  const open = 'listen=0.0.0.0:8080'
  t.match(check(['ssl_verify_client_cert=yes']).problems, [/without ssl no caller can show a certificate/])
  t.match(tls(good.certFile, good.keyFile, 'ssl_verify_client_cert=yes').problems, [
    /ssl_ca: ssl_verify_client_cert is set, and no file/,
  ])
  t.match(tls(good.certFile, good.keyFile, open).problems, [/no api_token is set/])
  t.same(
    tls(good.certFile, good.keyFile, open, 'ssl_verify_client_cert=yes', `ssl_ca=${authority.caFile}`)
      .problems,
    [],
  )
})

t.test('certificates that expire soon or have expired are warned of', async t => {
  const soon = await authority.issue('soon', 'DNS:localhost', { days: 9 })
  t.match(tls(soon.certFile, soon.keyFile).warnings, [
    /the certificate in ca-soon.pem expires in 8 days, on 20/,
  ])
  const past = await authority.issue('past', 'DNS:localhost', { days: -1 })
  const { problems, warnings } = tls(past.certFile, past.keyFile)
  t.match(warnings, [
    /the certificate in ca-past.pem (expired on 20.*: callers refuse it|is not valid before)/,
  ])
  t.same(problems, [], 'it starts all the same: no answer at all would be worse')
})

t.test('a key that everybody can read, and a listener in clear, are warned of', async t => {
  await copyFile(good.keyFile, file('open.key'))
  await chmod(file('open.key'), 0o644)
  t.match(tls(good.certFile, file('open.key')).warnings, [/everybody on this machine can read open.key/])
  await writeFile(file('token'), 'sesame', { mode: 0o600 })
  const remote = check(['listen=0.0.0.0:8080', `api_token_file=${file('token')}`])
  t.match(remote.warnings, [/0.0.0.0:8080 is open to other machines without TLS/])
  t.match(check([`ssl_cert=${good.certFile}`]).warnings, [/ssl_cert: it is named, and ssl is not on/])
})

t.test('every door beside the first may have TLS of its own', async t => {
  const known = Object.keys(programSchema.settings.properties)
  for (const { listenSetting } of doors) {
    const prefix = listenSetting.replace(/listen$/, '')
    for (const key of ['ssl', 'ssl_cert', 'ssl_key', 'ssl_ca', 'ssl_verify_client_cert']) {
      t.ok(known.includes(prefix + key), prefix + key)
    }
  }
})
