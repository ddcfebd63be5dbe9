// A Homing that hangs, behind the dict door: Dovecot waits for half a minute, and doveadm for no longer.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createAuthority } from './certificates.js'
import { mailUser, startDovecot } from './dovecot.js'
import { startHoming } from './homing.js'
import { findDovecot, needs } from './parts.js'

t.test('a Homing that hangs is a temporary failure and no wrong password', { timeout: 100_000 }, async t => {
  if (!needs(t, 'dovecot-2.3')) return
  const installation = findDovecot('dovecot-2.3')
  if (!installation) throw new Error('Dovecot 2.3 was there a moment ago')
  const folder = await mkdtemp(join(tmpdir(), 'homing-dict-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const authority = await createAuthority(folder, 'good')
  const certificate = await authority.issue('server', 'DNS:localhost')
  const homing = await startHoming()
  t.teardown(() => homing.close())
  await homing.addAccounts({
    localUsers: [
      { ...mailUser, username: 'local@dict.test', password: '{PLAIN}right', home: '/nonexistent' },
    ],
  })
  const { caFile } = authority
  const site = { installation, role: 'proxy', service: homing, certificate, caFile } as const
  const dovecots = await Promise.all(
    (['dict', 'dict-verify'] as const).map(door => startDovecot({ ...site, door })),
  )
  t.teardown(() => Promise.all(dovecots.map(dovecot => dovecot.stop())))
  const test = (password: string) =>
    Promise.all(dovecots.map(dovecot => dovecot.doveadm('auth', 'test', 'local@dict.test', password)))

  for (const { code } of await test('right')) t.equal(code, 0)
  homing.hang()
  for (const { code, stdout } of [...(await Promise.all([test('right'), test('wrong')])).flat()]) {
    t.ok(code === 75 || /temp_fail/.test(stdout), `${code} ${stdout}`)
  }
  homing.resume()
  for (const { code } of await test('right')) t.equal(code, 0, 'and all is well again')
  for (const { code, stdout } of await test('wrong'))
    t.match({ code, stdout }, { code: 77, stdout: /failed/ })
})
