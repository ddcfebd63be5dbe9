// auth.lua asked as a master passdb: the file beside the right one, in the block that most would copy.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createAuthority } from './certificates.js'
import { mailUser, startDovecot } from './dovecot.js'
import { startHoming } from './homing.js'
import { imapAnswer } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'

/** What an operator may copy from the block beside it. */
const wrongFile = {
  '2.3': `auth_master_user_separator = *
passdb {
  driver = lua
  args = file=/etc/dovecot/auth.lua blocking=yes
  master = yes
  result_success = continue
}
`,
  '2.4': `auth_master_user_separator = *
passdb masters {
  driver = lua
  lua_file = /etc/dovecot/auth.lua
  master = yes
  result_success = continue
}
`,
}

for (const major of ['2.3', '2.4'] as const) testWrongMasterFile(major)

/** With auth.lua in its place every user would be a master: CVE-2022-30550 by configuration. */
function testWrongMasterFile(major: '2.3' | '2.4'): void {
  t.test(`auth.lua as a master passdb of Dovecot ${major} lets nobody in`, async t => {
    if (!needs(t, `dovecot-${major}`)) return
    const installation = findDovecot(`dovecot-${major}`)
    if (!installation) return
    const folder = await mkdtemp(join(tmpdir(), 'homing-masters-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const authority = await createAuthority(folder, 'good')
    const { caFile } = authority
    const certificate = await authority.issue('server', 'DNS:localhost')
    const homing = await startHoming()
    t.teardown(() => homing.close())
    const site = wrongFile[major]
    const dovecot = await startDovecot({
      installation,
      role: 'proxy',
      service: homing,
      certificate,
      caFile,
      site,
    })
    t.teardown(() => dovecot.stop())
    const localUsers = ['anna@mail.test', 'bert@mail.test'].map(username => ({
      username,
      password: `{PLAIN}${username}s password`,
      home: join(dovecot.mailFolder, username),
      ...mailUser,
    }))
    await homing.addAccounts({ localUsers })
    const into = (user: string, password: string) =>
      imapAnswer({ port: dovecot.ports.imaps, caFile }, { user, password })
    t.match(await into('anna@mail.test', 'anna@mail.tests password'), /^OK/)
    t.match(await into('bert@mail.test*anna@mail.test', 'anna@mail.tests password'), /^NO \[UNAVAILABLE\]/)
    t.match(await dovecot.log(), /must use master.lua, not auth.lua/)
  })
}
