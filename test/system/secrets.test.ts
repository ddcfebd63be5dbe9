// A password goes in and a verdict comes out; nothing else of it is ever seen again.

import { execFile } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Database from 'libsql'
import t, { type Test } from 'tap'
import { sqliteFile, startHoming } from './homing.js'

const program = join(import.meta.dirname, '../../src/cli/homing.js')

const PASSWORD = 'c4n4ry-pässword'
const BACKEND_PASSWORD = 'c4n4ry-backend'
/** Made by `doveadm pw -s SHA512-CRYPT` for the password above. */
const HASH =
  '{SHA512-CRYPT}$6$clRGix1U4uBwbJ5Q$L/0VdW9P.6jPNzOYZhydA.KP128RoT6T0ZtsQAhdnNfXKkLWJbKAYYohQstsaJPsP.B6DjiB1NUgQ3lcrY0oK0'
const BROKEN_HASH = '{SHA512-CRYPT}$6$c4n4rysalt$c4n4rycut'
const DATABASE_PASSWORD = 'c4n4ry-database'
const SECRETS = [/c4n4ry/, new RegExp(HASH.slice(-60, -40).replaceAll(/[./]/g, '\\$&'))]

for (const format of ['json', 'dovecot']) {
  t.test(
    `no password, hash or token is in any ${format} log line, metric, error, login event, report or command line`,
    t => lookEverywhere(t, format),
  )
}

async function lookEverywhere(t: Test, format: string): Promise<void> {
  const folder = t.testdir({ token: 'c4n4ry-token\n' })
  chmodSync(join(folder, 'token'), 0o600)
  const file = join(folder, 'homing.db')
  const config = [
    `log_level = "debug"\nlog_format = "${format}"\nlogin_events = "all"\nlast_login = true`,
    `api_token_file = "${folder}/token"\nauth_cache_size = "1M"\npassword_rehash = "SHA512-CRYPT"`,
    `database_password = "${DATABASE_PASSWORD}"`,
  ].join('\n')
  const homing = await startHoming({ config, database: sqliteFile(file) })
  t.teardown(homing.close)
  await homing.addAccounts({
    proxyUsers: [
      { username: 'proxied@x', host: 'backend1', ssl_mode: 'ssl', password: `{PLAIN}${PASSWORD}` },
      { username: 'bad@x', host: 'back end', ssl_mode: 'ssl', password: `{PLAIN}${BACKEND_PASSWORD}` },
    ],
    localUsers: [
      { username: 'anna@x', password: HASH, home: '/h', uid: 1, gid: 1 },
      { username: 'broken@x', password: BROKEN_HASH, home: '/h', uid: 1, gid: 1 },
      { username: 'odd@x', password: '{C4n4ryScheme}c4n4ry', home: '/h', uid: 1, gid: 1 },
    ],
  })
  const answers: string[] = []
  for (const user of ['proxied@x', 'bad@x', 'anna@x', 'broken@x', 'odd@x', 'nobody@x']) {
    answers.push(await ask('/v1/passdb/verify', { user, password: PASSWORD }))
    answers.push(await ask('/v1/passdb/verify', { user, password: `${PASSWORD}\t` }))
    answers.push(await ask('/v1/userdb/lookup', { user }))
  }
  answers.push(await ask('/v1/passdb/verify', { user: 'anna@x', password: [PASSWORD] }))
  answers.push(await ask('/v1/passdb/verify', `{"user":"anna@x","password":"${PASSWORD}"`))
  answers.push(await ask('/v1/passdb/verify', { user: 'anna@x', password: PASSWORD, remote_ip: PASSWORD }))
  answers.push(await (await fetch(`${homing.url}/metrics`)).text())
  await homing.waitForLog('nobody@x')
  // What is said when settings change, are wrong, and when the service ends.
  await homing.configure(
    `${config}\nssl_key_password = "c4n4ry-key"\nssl = true\nssl_cert = "${folder}/token"`,
  )
  homing.signal('SIGHUP')
  await homing.waitForLog('not reloaded')
  await homing.configure(config.replace('api_token_file', 'trusted_networks = ["127.0.0.1"]\napi_token_file'))
  writeFileSync(join(folder, 'token'), 'c4n4ry-token-2\n')
  homing.signal('SIGHUP')
  homing.signal('SIGUSR2')
  await homing.waitForLog('configuration reloaded', 'api_token')
  answers.push(await ask('/v1/passdb/verify', { user: 'anna@x', password: PASSWORD }))
  await homing.waitForLog('turned away')
  await homing.stop()

  const seen = {
    answers: answers.join('\n'),
    log: await homing.log(),
    commands: await commandLines(),
    events: JSON.stringify(rowsOf(file)),
    reports: await reports(file),
  }
  for (const [where, text] of Object.entries(seen)) {
    t.ok(text.length > 100, `something is in the ${where}`)
    for (const secret of SECRETS) t.notMatch(text.replaceAll(/"user":"[^"]*"/g, ''), secret, where)
  }

  async function ask(path: string, body: unknown): Promise<string> {
    const response = await fetch(homing.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer c4n4ry-token' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return response.text()
  }
}

function rowsOf(file: string): unknown[] {
  const database = new Database(file, { readonly: true })
  try {
    const tables = ['homing_login_events', 'homing_last_logins']
    return tables.flatMap(table => database.prepare(`select * from ${table}`).all())
  } finally {
    database.close()
  }
}

async function reports(file: string): Promise<string> {
  const env = { ...process.env, HOMING_DATABASE_URL: `sqlite:${file}` }
  const all = ['failures', 'addresses', 'masters'].map(report =>
    promisify(execFile)(process.execPath, [program, 'report', report, '--json'], { env }),
  )
  return (await Promise.all(all)).map(({ stdout, stderr }) => stdout + stderr).join('')
}

async function commandLines(): Promise<string> {
  const processes = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const lines = await Promise.all(
    processes.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  )
  return lines.join('\n')
}
