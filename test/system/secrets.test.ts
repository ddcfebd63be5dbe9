// A password goes in and a verdict comes out; nothing else of it is ever seen again.

import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { startHoming } from './homing.js'

const PASSWORD = 'c4n4ry-pässword'
const BACKEND_PASSWORD = 'c4n4ry-backend'
/** Made by `doveadm pw -s SHA512-CRYPT` for the password above. */
const HASH =
  '{SHA512-CRYPT}$6$clRGix1U4uBwbJ5Q$L/0VdW9P.6jPNzOYZhydA.KP128RoT6T0ZtsQAhdnNfXKkLWJbKAYYohQstsaJPsP.B6DjiB1NUgQ3lcrY0oK0'
const BROKEN_HASH = '{SHA512-CRYPT}$6$c4n4rysalt$c4n4rycut'
const DATABASE_PASSWORD = 'c4n4ry-database'
const SECRETS = [/c4n4ry/, new RegExp(HASH.slice(-60, -40).replaceAll(/[./]/g, '\\$&'))]

t.test('no password and no hash is in any log line, metric, error, or command line', async t => {
  const homing = await startHoming({
    config: `log_level = "debug"\ndatabase_password = "${DATABASE_PASSWORD}"`,
  })
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

  const seen = { answers: answers.join('\n'), log: await homing.log(), commands: await commandLines() }
  for (const [where, text] of Object.entries(seen)) {
    t.ok(text.length > 100, `something is in the ${where}`)
    for (const secret of SECRETS) t.notMatch(text.replaceAll(/"user":"[^"]*"/g, ''), secret, where)
  }

  async function ask(path: string, body: unknown): Promise<string> {
    const response = await fetch(homing.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${homing.token}` },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return response.text()
  }
})

async function commandLines(): Promise<string> {
  const processes = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const lines = await Promise.all(
    processes.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  )
  return lines.join('\n')
}
