// Routes that lead back to the proxy: refused before Dovecot goes in circles, or a mailbox here where that is meant.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthority } from './certificates.js'
import { localPassdb, proxiedUsers } from './chain-blocks.js'
import { mailUser, startDovecot } from './dovecot.js'
import { startHoming } from './homing.js'
import { imapAnswer, imapAppend, imapLogin } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'

const config = `
auth_proxy_self = ["127.0.0.9"]

[[passdb]]
name = "maybe"
driver = "sql"
table = "proxy_users"
username_filter = ["maybe*"]
proxy_maybe = true
result_failure = "return-fail"
${proxiedUsers}${localPassdb}`

for (const major of ['2.3', '2.4'] as const) {
  t.test(`Dovecot ${major}`, async t => {
    if (needs(t, `dovecot-${major}`)) await loops(t, major)
  })
}

async function loops(t: Test, major: '2.3' | '2.4'): Promise<void> {
  const installation = findDovecot(`dovecot-${major}`)
  if (!installation) return
  const folder = await mkdtemp(join(tmpdir(), 'homing-loops-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const { caFile } = authority
  const certificate = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1')
  const homing = await startHoming({ config })
  t.teardown(() => homing.close())
  const dovecot = await startDovecot({ installation, role: 'proxy', service: homing, certificate, caFile })
  t.teardown(() => dovecot.stop())
  const { imaps, imap } = dovecot.ports
  const route = { password: '{PLAIN}secret', ssl_mode: 'ssl', port: imaps } as const
  await homing.addAccounts({
    proxyUsers: [
      { ...route, username: 'name@x.test', host: 'localhost' },
      { ...route, username: 'address@x.test', host: '127.0.0.1' },
      { ...route, username: 'self@x.test', host: '127.0.0.9' },
      // In by the port of IMAPS, and back to the other one: known when it comes round.
      { ...route, username: 'round@x.test', host: 'localhost', ssl_mode: 'starttls', port: imap },
      { ...route, username: 'maybe@x.test', host: '127.0.0.9' },
    ],
    localUsers: ['name', 'maybe'].map(name => ({
      username: `${name}@x.test`,
      password: '{PLAIN}secret',
      home: join(dovecot.mailFolder, name),
      ...mailUser,
    })),
  })
  const into = (name: string, password = 'secret') =>
    imapAnswer({ port: imaps, caFile }, { user: `${name}@x.test`, password })

  for (const name of ['name', 'address', 'self', 'round']) {
    t.match(await into(name), /^NO \[UNAVAILABLE\]/, name)
    await t.resolves(homing.waitForLog('leads back to the proxy', `${name}@x.test`))
  }
  const log = await dovecot.log()
  t.notMatch(log, /loops to itself|appear to be looping|queue full/, 'Dovecot never went in circles')
  t.notMatch(log, /(Login|Logged in): user=<name/, 'and nobody got a mailbox here by it')

  const login = await imapLogin({ port: imaps, caFile }, { user: 'maybe@x.test', password: 'secret' })
  t.match(login.answer, /^OK .*Logged in/, 'proxy_maybe means a mailbox here')
  t.match(await imapAppend(login, 'Subject: here\r\n\r\n'), /^OK/)
  login.client.close()
  const folders = ['new', 'cur'].map(name => readdir(join(dovecot.mailFolderOutside, 'maybe/Maildir', name)))
  t.equal((await Promise.all(folders)).flat().length, 1)
  t.match(await into('maybe', 'wrong'), /^NO \[AUTH/)
}
