// Lists of fields, temporary failures and users that a static userdb is asked about, as real Dovecots hear of them.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAuthority } from './certificates.js'
import { startDovecot } from './dovecot.js'
import { startHoming } from './homing.js'
import { imapAnswer } from './mail-clients.js'
import { findDovecot, needs } from './parts.js'

const passdb = (name: string, fields: string) => `
[[passdb]]
name = "${name}"
driver = "static"
username_filter = ["${name}@x.test"]
password = "secret"
fields = { ${fields} }
`
const ids = 'userdb_uid = "5000", userdb_gid = "5000", userdb_home = "/nonexistent"'
const config = [
  passdb('list', 'userdb_userdb_import = "uid=5000\\tgid=5000\\thome=/nonexistent"'),
  passdb('nets', `${ids}, passdb_import = "allow_nets=192.0.2.1\\tnodelay"`),
  passdb('nested', `${ids}, passdb_import = "passdb_import=nodelay=y"`),
  passdb('later', `${ids}, userdb_tempfail = "y", userdb_reason = "moving"`),
  '[[passdb]]\ndriver = "sql"\ntable = "local_users"\n',
  `[[userdb]]
driver = "static"
uid = "5000"
fields = { userdb_import = "gid=5001\\thome=/srv/mail/%u" }
`,
].join('')

for (const major of ['2.3', '2.4'] as const) {
  t.test(`Dovecot ${major}`, async t => {
    if (needs(t, `dovecot-${major}`)) await askEverything(t, major)
  })
}

async function askEverything(t: Test, major: '2.3' | '2.4'): Promise<void> {
  const installation = findDovecot(`dovecot-${major}`)
  if (!installation) return
  const folder = await mkdtemp(join(tmpdir(), 'homing-userdb-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const { caFile } = authority
  const certificate = await authority.issue('server', 'DNS:localhost')
  const homing = await startHoming({ config })
  t.teardown(() => homing.close())
  const dovecot = await startDovecot({ installation, role: 'proxy', service: homing, certificate, caFile })
  t.teardown(() => dovecot.stop())
  const into = (name: string, password = 'secret') =>
    imapAnswer({ port: dovecot.ports.imaps, caFile }, { user: `${name}@x.test`, password })

  t.match(await into('list'), /^OK .*Logged in/, 'uid, gid and home came in a list')
  t.match(await into('list', 'wrong'), /^NO \[AUTH/)
  t.match(await into('nets'), /^NO \[AUTH/, 'a list that refuses is obeyed')
  t.match(await into('nested'), /^NO \[UNAVAILABLE\]/, 'a list in a list is trouble')
  await t.resolves(homing.waitForLog('passdb_import', 'is reserved', 'nested@x.test'))
  t.match(await into('later'), /^NO \[UNAVAILABLE\]/, 'tempfail keeps the user out, and is no wrong password')
  await t.resolves(homing.waitForLog('"reason":"moving"', 'later@x.test'))

  const user = await dovecot.doveadm('user', 'list@x.test')
  t.equal(user.code, 0)
  for (const line of [/^uid\t5000$/m, /^gid\t5001$/m, /^home\t\/srv\/mail\/list@x\.test$/m])
    t.match(user.stdout, line)
  t.match(
    await dovecot.doveadm('user', 'nobody@x.test'),
    { code: 67 },
    'the static userdb asks whether he exists',
  )
}
