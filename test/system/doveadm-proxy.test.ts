// doveadm on a proxy works in the mailbox where it is: a lookup without a password tells it the backend and the name there.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthority } from './certificates.js'
import { mailUser, startDovecot } from './dovecot.js'
import { freePorts } from './free-ports.js'
import { startHoming } from './homing.js'
import { findDovecot, needs } from './parts.js'

const onlyLocalUsers = ['passdb', 'userdb']
  .map(chain => `[[${chain}]]\nname = "local"\ndriver = "sql"\ntable = "local_users"\n`)
  .join('')

for (const [major, backendMajor] of [
  ['2.3', '2.4'],
  ['2.4', '2.4'],
] as const) {
  t.test(`Dovecot ${major} as the proxy, ${backendMajor} as the backend`, async t => {
    if (needs(t, `dovecot-${major}`, `dovecot-${backendMajor}`)) await worksThere(t, major, backendMajor)
  })
}

async function worksThere(t: Test, major: '2.3' | '2.4', backendMajor: '2.3' | '2.4'): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'homing-doveadm-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const { caFile } = authority
  const certificate = await authority.issue('server', 'DNS:localhost,IP:127.0.0.1')
  const [port = 0] = await freePorts(1)
  const start = async (version: '2.3' | '2.4', role: 'proxy' | 'backend', config: string, site: string) => {
    const installation = findDovecot(`dovecot-${version}`)
    if (!installation) throw new Error(`Dovecot ${version} was there a moment ago`)
    const homing = await startHoming({ config })
    t.teardown(() => homing.close())
    const dovecot = await startDovecot({ installation, role, service: homing, certificate, caFile, site })
    t.teardown(() => dovecot.stop())
    return { homing, dovecot }
  }
  const listener = `service doveadm {\n  inet_listener doveadm {\n    port = ${port}\n  }\n}\n`
  const backend = await start(
    backendMajor,
    'backend',
    onlyLocalUsers,
    `doveadm_password = of-doveadm\n${listener}`,
  )
  const proxy = await start(major, 'proxy', '', `doveadm_password = of-doveadm\ndoveadm_port = ${port}\n`)
  const home = join(backend.dovecot.mailFolder, 'anna')
  await backend.homing.addAccounts({
    localUsers: [{ username: 'anna@there.test', password: '{PLAIN}x', home, ...mailUser }],
  })
  await proxy.homing.addAccounts({
    proxyUsers: [
      {
        username: 'anna@mail.test',
        password: '{PLAIN}x',
        host: '127.0.0.1',
        // Of IMAP: doveadm must not be sent there.
        port: backend.dovecot.ports.imap,
        ssl_mode: 'none',
        destuser: 'anna@there.test',
      },
    ],
  })
  const made = await proxy.dovecot.doveadm('mailbox', 'create', '-u', 'anna@mail.test', 'Made')
  t.match(made, { code: 0 })
  const there = await backend.dovecot.doveadm('mailbox', 'list', '-u', 'anna@there.test')
  t.match(there, { code: 0, stdout: /^Made$/m })
  const unknown = await proxy.dovecot.doveadm('mailbox', 'list', '-u', 'nobody@mail.test')
  t.equal(unknown.code, 67, 'who is unknown is unknown')
  await proxy.homing.kill()
  await proxy.dovecot.doveadm('auth', 'cache', 'flush')
  const trouble = await proxy.dovecot.doveadm('mailbox', 'list', '-u', 'anna@mail.test')
  t.equal(trouble.code, 75, 'and trouble is trouble')
}
